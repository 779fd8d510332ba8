import {
  CoreError,
  formatAddCheckpoint,
  formatBase64,
  formatTlogProof,
  leafHash as hashLeaf,
  parseDecimal,
} from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { type FileEntry, type FileEntryOptions, fileEntry } from '../file-entry.ts';
import { parseLeafHash } from '../leaf-reference.ts';
import { chooseCheckpoint } from '../log-checkpoints.ts';
import { type LogOption, logPlace, openLog, withLogOption } from '../log-option.ts';
import { decimalArgument } from '../numbers.ts';
import { checkCovered, deliver } from '../proof-file.ts';
import { type OutOptions, withOutOptions } from '../result-file.ts';
import { registerProveFile } from './prove-file.ts';
import { registerProveRecord } from './prove-record.ts';

interface Options extends LogOption, OutOptions {
  readonly json?: boolean;
}

interface InclusionOptions extends Options, FileEntryOptions {
  readonly size?: number;
  readonly cosigned?: boolean;
}

/** `vitrine prove inclusion`, `consistency`, `file` and `record` */
export function registerProve(program: Command, context: Context): void {
  const prove = program
    .command('prove')
    .helpCommand(false)
    .summary('prove what is in the log, or that it only grew')
    .description(
      'Prove that an entry is in the log, that the log only grew, that a file is in a logged source, or that a record is, ' +
        'or is not, in a logged database.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine prove inclusion release-1.2.tar.gz --log ./log --out release-1.2.tar.gz.tlog-proof\n',
    );

  withOutOptions(withLogOption(prove.command('inclusion')))
    .summary('prove that an entry is in the log')
    .description(
      'Write a proof that an entry is in the log, as a C2SP tlog-proof: it holds the signed checkpoint, and is verified ' +
        'without the log. The entry is named by its index, by its leaf hash (hex or base64), or by the file that was added. ' +
        'A statement file is itself the entry; if its checksum line was added, give its name with --name.',
    )
    .argument('<entry>', 'index, leaf hash or file (./12 is a file, 12 an index)')
    .addOption(new Option('--raw', "the file's own bytes are the entry").conflicts('name'))
    .option('--name <name>', 'the base name that the file had when it was added')
    .option(
      '--size <n>',
      "prove it for the checkpoint of this size: the newest one's, or the newest cosigned one's",
      decimalArgument('--size'),
    )
    .option('--cosigned', 'prove it for the newest checkpoint that a witness has cosigned')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine prove inclusion release-1.2.tar.gz --log ./log --out release-1.2.tar.gz.tlog-proof\n',
    )
    .action((entry: string, options: InclusionOptions) => proveInclusion(context, entry, options));

  withOutOptions(withLogOption(prove.command('consistency')))
    .summary('prove that the log only grew')
    .description(
      'Write a proof that the tree of the old size is a prefix of that of the new size, in the format of add-checkpoint ' +
        'requests of C2SP tlog-witness: it holds the signed checkpoint of the new size.',
    )
    .argument('<old>', 'the old size', decimalArgument('old'))
    .argument(
      '[new]',
      'the new size: that of the newest checkpoint, or of the newest cosigned one',
      decimalArgument('new'),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ vitrine prove consistency 100 --log ./log --out growth\n')
    .action((oldSize: number, newSize: number | undefined, options: Options) =>
      proveConsistency(context, oldSize, newSize, options),
    );

  registerProveFile(prove, context);
  registerProveRecord(prove, context);
}

async function proveInclusion(context: Context, what: string, options: InclusionOptions): Promise<void> {
  const place = await logPlace(context, options);
  const reference = await resolveEntry(context, what, options);
  await using log = await openLog(place);
  const checkpoint = chooseCheckpoint(log, options);
  const index = await indexOf(log, reference, what);
  checkCovered(log, index, checkpoint);
  const { proof, leafHash } = await log.proveInclusion(index, checkpoint.size);
  const bytes = formatTlogProof({ index, proof, checkpoint: checkpoint.note });
  const json = { index, leafHash: formatBase64(leafHash), proof: proof.map(formatBase64) };
  await deliver(context, bytes, { log, checkpoint, options, json, what: `entry ${index}` });
}

async function proveConsistency(
  context: Context,
  oldSize: number,
  newSize: number | undefined,
  options: Options,
): Promise<void> {
  await using log = await openLog(await logPlace(context, options));
  const checkpoint = chooseCheckpoint(log, { size: newSize });
  if (oldSize > checkpoint.size) {
    throw new CoreError('log-range', `the old size ${oldSize} exceeds the new one, ${checkpoint.size}`);
  }
  const { proof } = await log.proveConsistency(oldSize, checkpoint.size);
  const bytes = formatAddCheckpoint({ oldSize, proof, checkpoint: checkpoint.note });
  const json = { oldSize, proof: proof.map(formatBase64) };
  await deliver(context, bytes, { log, checkpoint, options, json, what: `growth from ${oldSize}` });
}

/** The index, the leaf hash or the file that the user named. */
async function resolveEntry(
  context: Context,
  what: string,
  options: InclusionOptions,
): Promise<number | Uint8Array | FileEntry> {
  if (!options.raw && options.name === undefined) {
    if (/^[0-9]+$/.test(what)) return parseDecimal(what, 'the index');
    const leafHash = parseLeafHash(what);
    if (leafHash !== undefined) return leafHash;
  }
  return fileEntry(what, options, context.signal);
}

const STATEMENTS_HINT = ': this log has statements: name one by its index, which vitrine ls prints';

const HINTS: Readonly<Record<FileEntry['kind'], string>> = {
  'sum-line': ': was it changed, renamed (--name) or added by its bytes (--raw)?',
  raw: '',
  statement: ': it is a statement, and so itself the entry; was its checksum line added (--name)?',
};

async function indexOf(log: LogReading, reference: number | Uint8Array | FileEntry, what: string): Promise<number> {
  if (typeof reference === 'number') return reference;
  const isHash = reference instanceof Uint8Array;
  const index = await log.indexOf(isHash ? reference : hashLeaf(reference.entry));
  if (index !== undefined) return index;
  const hint = isHash ? '' : log.description.kind === 'raw' ? HINTS[reference.kind] : STATEMENTS_HINT;
  throw new CliError('entry-missing', `${what} is not in the log ${log.origin}${hint}`);
}
