import { equalBytes, formatBase64, type IndexEntry, indexEntryOf } from '@vitrine/core';
import { newestWithdrawal } from '@vitrine/signer';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { entryJson } from '../entry-view.ts';
import { LEAF_ARGUMENT, type ResolvedEntry, type ResolvedStatement, resolveEntry } from '../leaf-reference.ts';
import { hasLog, type LogOption, logPlace, openLog, withLogOption } from '../log-option.ts';
import { type Mentions, mentionsIn, NO_MENTIONS } from '../mentions.ts';
import {
  checkSignature,
  FILES_ONLY,
  NO_LOG,
  PLAIN_MIRROR,
  type SignatureCheck,
  signatureText,
} from '../signature-check.ts';
import { type Row, statementRows } from '../statement-view.ts';
import { aligned, printable, visible } from '../text.ts';

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
    const indexEntry = options.bytes ? undefined : indexEntryOf(entry);
    if (indexEntry !== undefined) return await output.text(aligned(indexRows(resolved, indexEntry)));
    if (output.stdout.isTTY !== true) return await output.bytes(entry);
    const text = visible(entry);
    return await output.text(text.endsWith('\n') ? text : `${text}\n`);
  }
  const { signature, mentions, at, withdrawn } = await askLog(context, { ...resolved, statement }, options);
  if (options.json) {
    const withdrawnAt = withdrawn?.index;
    const known = { signature, ...(withdrawnAt !== undefined && { withdrawnAt }) };
    return await output.json({ ...entryJson(index, entry, statement), ...known });
  }
  const rows: Row[] = [
    ...(at === undefined ? [] : [['index', at] as const]),
    ['leaf hash', formatBase64(resolved.leafHash)],
    ...statementRows(statement, mentions),
    ...(withdrawn === undefined ? [] : [['withdrawn', withdrawn.text] as const]),
    ['signature', signatureText(signature, statement)],
  ];
  await output.text(aligned(rows));
}

function indexRows({ index, leafHash }: ResolvedEntry, { size, root }: IndexEntry): Row[] {
  return [
    ...(index === undefined ? [] : [['index', String(index)] as const]),
    ['leaf hash', formatBase64(leafHash)],
    ['type', 'index: what the log says of all entries before this one'],
    ['entries', String(size)],
    ['root', formatBase64(root)],
  ];
}

interface Withdrawn {
  readonly index: number;
  /** For people. */
  readonly text: string;
}

/** What only the log knows of a statement. */
async function askLog(
  context: Context,
  { entry, leafHash, statement, index }: ResolvedStatement,
  options: LogOption,
): Promise<{ signature: SignatureCheck; mentions: Mentions; at?: string; withdrawn?: Withdrawn }> {
  if (!hasLog(context, options)) return { signature: NO_LOG, mentions: NO_MENTIONS };
  await using log = await openLog(await logPlace(context, options));
  const mentions = await mentionsIn(log, statement);
  const at = String(index ?? (await log.indexOf(leafHash)) ?? `not in the log ${printable(log.origin)}`);
  if (!log.answersDerived) {
    return { signature: log.description.mirror ? PLAIN_MIRROR : FILES_ONLY, mentions, at };
  }
  const signature = await checkSignature(log, entry, statement);
  const withdrawal = await newestWithdrawal(log, { leafHash, statement });
  if (withdrawal === undefined) return { signature, mentions, at };
  const { subject, reason } = withdrawal.statement.payload;
  const what = equalBytes(subject, leafHash) ? '' : ', as a release with the same content';
  const { index: withdrawnAt } = withdrawal;
  const text = `at leaf ${withdrawnAt}${what}: ${printable(reason)}`;
  return { signature, mentions, at, withdrawn: { index: withdrawnAt, text } };
}
