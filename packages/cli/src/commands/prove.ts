import {
  CoreError,
  formatAddCheckpoint,
  formatBase64,
  formatTlogProof,
  HASH_SIZE,
  leafHash as hashLeaf,
  parseBase64,
  parseDecimal,
} from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { type FileEntryOptions, fileEntry } from '../file-entry.ts';
import { chooseCheckpoint, isCosigned } from '../log-checkpoints.ts';
import { type LogOption, logDirectory, openLog, withLogOption } from '../log-option.ts';
import { decimalArgument } from '../numbers.ts';
import { type OutOptions, outFile, withOutOptions, writeResult } from '../result-file.ts';
import { count } from '../text.ts';

interface Options extends LogOption, OutOptions {
  readonly json?: boolean;
}

interface InclusionOptions extends Options, FileEntryOptions {
  readonly size?: number;
  readonly cosigned?: boolean;
}

/** `vitrine prove inclusion` and `vitrine prove consistency` */
export function registerProve(program: Command, context: Context): void {
  const prove = program
    .command('prove')
    .helpCommand(false)
    .summary('prove that an entry is in the log, or that it only grew')
    .description('Prove that an entry is in the log, or that the log only grew.')
    .addHelpText(
      'after',
      '\nExample:\n  $ vitrine prove inclusion release-1.2.tar.gz --log ./log --out release-1.2.tar.gz.tlog-proof\n',
    );

  withOutOptions(withLogOption(prove.command('inclusion')))
    .summary('prove that an entry is in the log')
    .description(
      'Write a proof that an entry is in the log, as a C2SP tlog-proof: it holds the signed checkpoint, and is verified ' +
        'without the log. The entry is named by its index, by its leaf hash (hex or base64), or by the file that was added.',
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
}

async function proveInclusion(context: Context, what: string, options: InclusionOptions): Promise<void> {
  const directory = await logDirectory(context, options);
  const reference = await resolveEntry(context, what, options);
  await using log = await openLog(directory);
  const checkpoint = chooseCheckpoint(log, options);
  const index = await indexOf(log, reference, what, options);
  if (index >= checkpoint.size) {
    const all = index < log.size ? '; the log has more entries' : '';
    throw new CoreError(
      'log-range',
      `the checkpoint covers ${count(checkpoint.size, 'entry', 'entries')}, not index ${index}${all}`,
    );
  }
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
  await using log = await openLog(await logDirectory(context, options));
  const checkpoint = chooseCheckpoint(log, { size: newSize });
  if (oldSize > checkpoint.size) {
    throw new CoreError('log-range', `the old size ${oldSize} exceeds the new one, ${checkpoint.size}`);
  }
  const { proof } = await log.proveConsistency(oldSize, checkpoint.size);
  const bytes = formatAddCheckpoint({ oldSize, proof, checkpoint: checkpoint.note });
  const json = { oldSize, proof: proof.map(formatBase64) };
  await deliver(context, bytes, { log, checkpoint, options, json, what: `growth from ${oldSize}` });
}

interface Delivery {
  readonly log: Log;
  readonly checkpoint: LogCheckpoint;
  readonly options: Options;
  /** What is particular to this kind of proof. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly what: string;
}

/** Writes the proof where it belongs, and says so. */
async function deliver(
  context: Context,
  bytes: Uint8Array,
  { log, checkpoint, options, json, what }: Delivery,
): Promise<void> {
  const { output } = context;
  const { size, root, note } = checkpoint;
  const file = outFile(options);
  if (file !== undefined || !options.json) await writeResult(context, bytes, options);
  const unwitnessed = !isCosigned(log, checkpoint);
  if (options.json) {
    const { origin } = log;
    const common = { size, root: formatBase64(root), unwitnessed, checkpoint: new TextDecoder().decode(note) };
    return output.json({ origin, ...json, ...common, ...(file !== undefined && { file }) });
  }
  const witnessed = unwitnessed ? ', unwitnessed' : '';
  if (file !== undefined) output.note(`wrote ${file}: ${what} of ${log.origin}, tree size ${size}${witnessed}`);
}

/** The index or the leaf hash that the user named. */
async function resolveEntry(context: Context, what: string, options: InclusionOptions): Promise<number | Uint8Array> {
  if (options.raw || options.name !== undefined) return hashLeaf(await fileEntry(what, options, context.signal));
  if (/^[0-9]+$/.test(what)) return parseDecimal(what, 'the index');
  return parseHash(what) ?? hashLeaf(await fileEntry(what, options, context.signal));
}

function parseHash(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  if (text.length !== 4 * Math.ceil(HASH_SIZE / 3) || !text.endsWith('=')) return undefined;
  try {
    return parseBase64(text, 'the leaf hash');
  } catch (error) {
    // Then it is the name of a file.
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}

async function indexOf(
  log: Log,
  reference: number | Uint8Array,
  what: string,
  options: FileEntryOptions,
): Promise<number> {
  if (typeof reference === 'number') return reference;
  const index = await log.indexOf(reference);
  if (index !== undefined) return index;
  const isHash = !options.raw && options.name === undefined && parseHash(what) !== undefined;
  const hint = isHash || options.raw ? '' : ': was it changed, renamed (--name) or added by its bytes (--raw)?';
  throw new CliError('entry-missing', `${what} is not in the log ${log.origin}${hint}`);
}
