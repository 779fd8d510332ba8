import { formatBase64, KEY_TYPE_ML_DSA_44_COSIGNATURE, loadSchemes } from '@vitrine/core';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { interrupted } from '../errors.ts';
import { type LogOption, logDirectory, openStore, rulesOf, withLogDirectoryOption } from '../log-option.ts';
import { startProgress } from '../progress.ts';
import { count } from '../text.ts';

interface Options extends LogOption {
  readonly json?: boolean;
}

/** `vitrine fsck` */
export function registerFsck(program: Command, context: Context): void {
  withLogDirectoryOption(program.command('fsck'))
    .summary('check a log from its entries up')
    .description(
      'Check the files of a log, derive everything that it stores from its entries again, and compare. Reports the ' +
        'first thing that differs; changes nothing. Every entry of a log of statements is judged again by those before ' +
        'it, and its index derived again. Signatures of witnesses are not checked.',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine fsck --log ./log\n')
    .action((options: Options) => check(context, options));
}

async function check(context: Context, options: Options): Promise<void> {
  const { output, signal } = context;
  await using store = await openStore(await logDirectory(context, options), { checkTables: true, signal });
  const { fsck, parseDescription } = await import('@vitrine/core/log');
  const rules = rulesOf(parseDescription(await store.description()));
  const progress = startProgress(context, { label: 'checking', unit: 'entries', json: options.json });
  const onProgress = (done: number, total: number): void => {
    if (signal.aborted) throw interrupted();
    progress.update(done, total);
  };
  let result: Awaited<ReturnType<typeof fsck>>;
  try {
    const schemes = await loadSchemes([KEY_TYPE_ML_DSA_44_COSIGNATURE]);
    result = await fsck(store, { onProgress, schemes, ...rules });
  } finally {
    progress.stop();
  }
  const root = formatBase64(result.root);
  if (options.json) return await output.json({ size: result.size, root });
  await output.text(`clean: ${count(result.size, 'entry', 'entries')}, root hash ${root}\n`);
}
