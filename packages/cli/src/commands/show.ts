import { formatBase64 } from '@vitrine/core';
import type { Statement } from '@vitrine/signer';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { entryJson } from '../entry-view.ts';
import { LEAF_ARGUMENT, resolveEntry } from '../leaf-reference.ts';
import { hasLog, type LogOption, logDirectory, openLog, withLogOption } from '../log-option.ts';
import { type Mentions, mentionsIn, NO_MENTIONS } from '../mentions.ts';
import { checkSignature, NO_LOG, type SignatureCheck, signatureText } from '../signature-check.ts';
import { type Row, statementRows } from '../statement-view.ts';
import { aligned, visible } from '../text.ts';

interface Options extends LogOption {
  readonly bytes?: boolean;
  readonly json?: boolean;
}

/** `vitrine show` */
export function registerShow(program: Command, context: Context): void {
  withLogOption(program.command('show'))
    .summary('print an entry')
    .description(
      'Print what a statement says, and whether its signature is one of a key that the log has admitted. Another entry is ' +
        'printed byte for byte; on a terminal, what that could act on is escaped, and binary data is dumped in hex.',
    )
    .argument('<leaf>', LEAF_ARGUMENT)
    .addOption(new Option('--bytes', 'print the bytes of a statement too as they are').conflicts('json'))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine show 3 --log ./log\n  $ vitrine show request.cose\n' +
        '  $ vitrine show 3 --bytes --log ./log > statement.cose\n',
    )
    .action((reference: string, options: Options) => show(context, reference, options));
}

async function show(context: Context, reference: string, options: Options): Promise<void> {
  const { output } = context;
  const resolved = await resolveEntry(context, reference, options);
  const { entry, index, statement } = resolved;
  if (statement === undefined || options.bytes) {
    if (options.json) return await output.json(entryJson(index, entry));
    if (output.stdout.isTTY !== true) return await output.bytes(entry);
    const text = visible(entry);
    return await output.text(text.endsWith('\n') ? text : `${text}\n`);
  }
  const { signature, mentions } = await askLog(context, entry, statement, options);
  if (options.json) return await output.json({ ...entryJson(index, entry, statement), signature });
  const rows: Row[] = [
    ...(index === undefined ? [] : [['index', String(index)] as const]),
    ['leaf hash', formatBase64(resolved.leafHash)],
    ...statementRows(statement, mentions),
    ['signature', signatureText(signature)],
  ];
  await output.text(aligned(rows));
}

/** What only the log knows of a statement. */
async function askLog(
  context: Context,
  entry: Uint8Array,
  statement: Statement,
  options: LogOption,
): Promise<{ signature: SignatureCheck; mentions: Mentions }> {
  if (!hasLog(context, options)) return { signature: NO_LOG, mentions: NO_MENTIONS };
  await using log = await openLog(await logDirectory(context, options));
  const mentions = await mentionsIn(log, statement);
  return { signature: await checkSignature(log, entry, statement), mentions };
}
