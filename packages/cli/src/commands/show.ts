import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { entryJson } from '../entry-view.ts';
import { type LogOption, logDirectory, openLog, withLogOption } from '../log-option.ts';
import { decimalArgument } from '../numbers.ts';
import { visible } from '../text.ts';

interface Options extends LogOption {
  readonly json?: boolean;
}

/** `vitrine show` */
export function registerShow(program: Command, context: Context): void {
  withLogOption(program.command('show'))
    .summary('print an entry')
    .description(
      'Print an entry byte for byte. On a terminal, what it could act on is escaped, and binary data is dumped in hex.',
    )
    .argument('<index>', 'the index of the entry, from 0', decimalArgument('index'))
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine show 3 --log ./log > entry\n')
    .action((index: number, options: Options) => show(context, index, options));
}

async function show(context: Context, index: number, options: Options): Promise<void> {
  const { output } = context;
  await using log = await openLog(await logDirectory(context, options));
  const entry = await log.entry(index);
  if (options.json) return await output.json(entryJson(index, entry));
  if (output.stdout.isTTY !== true) return await output.bytes(entry);
  const text = visible(entry);
  await output.text(text.endsWith('\n') ? text : `${text}\n`);
}
