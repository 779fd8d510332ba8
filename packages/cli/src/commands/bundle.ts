import type { LogCheckpoint, LogReading } from '@vitrine/core/log';
import { SignerError, type Statement, statementOf } from '@vitrine/signer';
import { makeBundle } from '@vitrine/verifier';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context } from '../context.ts';
import { CliError, interrupted } from '../errors.ts';
import { hashFiles, inputFile } from '../hashed-file.ts';
import { isIndex, parseLeafHash, readStatementFile } from '../leaf-reference.ts';
import { cosignedCheckpoint, isCosigned } from '../log-checkpoints.ts';
import {
  type LogKeyOption,
  type LogOption,
  logPlace,
  openLog,
  withLogKeyOption,
  withLogOption,
} from '../log-option.ts';
import { isSameFile } from '../logged-artifacts.ts';
import { loggingProof, receiptSigner } from '../logging-proof.ts';
import { decimalArgument } from '../numbers.ts';
import { startProgress } from '../progress.ts';
import { readBundledManifest } from '../released-files.ts';
import { type OutOptions, outFile, withOutOptions, writeResult } from '../result-file.ts';
import { printable } from '../text.ts';

interface Options extends LogOption, LogKeyOption, OutOptions {
  readonly format: 'bundle' | 'tlog-proof' | 'cose';
  readonly fromSize?: readonly number[];
  readonly manifest?: string;
  readonly newest?: boolean;
  readonly json?: boolean;
}

/** `vitrine bundle` */
export function registerBundle(program: Command, context: Context): void {
  withOutOptions(withLogKeyOption(withLogOption(program.command('bundle'))))
    .summary('write what an agent verifies a release with, offline')
    .description(
      'Write the bundle of a release: the file beside a download with which an agent decides offline whether to install it. It ' +
        'has the release, its source and all reviews of both, a checkpoint with its cosignatures, and what the index of the log ' +
        'says. Reviews and withdrawals that come later need a newer bundle.',
    )
    .argument('<release>', 'the build or database: index, leaf hash or statement file, or a file that the release has')
    .option(
      '--from-size <sizes>',
      'sizes of earlier trees that agents know, with commas between them: shows that the log only grew since',
      sizes,
    )
    .option('--manifest <file>', 'the manifest of a release that names one')
    .addOption(
      new Option(
        '--format <format>',
        'bundle; or a proof that the statement is logged, and nothing else, for other programs',
      )
        .choices(['bundle', 'tlog-proof', 'cose'])
        .default('bundle'),
    )
    .option('--newest', 'take the newest checkpoint also if no witness has cosigned it')
    .option('--json', 'print one JSON object; needs --out')
    .addHelpText(
      'after',
      '\nWithout --newest it is the newest checkpoint that a witness has cosigned, if there is one.\n' +
        'A tlog-proof (C2SP) has the statement and that checkpoint; cose is the statement with a receipt (RFC\n' +
        '9942), which only the log itself can sign, and which has no witnesses. Either can be of any statement,\n' +
        'and no agent installs by it.\n' +
        '\nExamples:\n  $ vitrine bundle tool-1.2.tgz --log ./log --out tool-1.2.tgz.vitrine\n' +
        '  $ vitrine bundle 12 --log ./log --from-size 8,40 --out daily.db.vitrine\n' +
        '  $ vitrine bundle 12 --log ./log --format cose --out daily.cose\n',
    )
    .action((reference: string, options: Options) => bundle(context, reference, options));
}

function sizes(text: string): number[] {
  const found = text.split(',').map(decimalArgument('--from-size'));
  if (found.some((size, i) => size === 0 || (i > 0 && size <= found[i - 1]!))) {
    throw new InvalidArgumentError('The sizes have to be above 0 and in increasing order.');
  }
  return found;
}

async function bundle(context: Context, reference: string, options: Options): Promise<void> {
  checkOptions(options);
  const place = await logPlace(context, options);
  const signer = options.format === 'cose' ? await receiptSigner(context, place, options) : undefined;
  await using log = await openLog(place);
  const checkpoint = chosen(log, options);
  const leaf = await leafOf(context, log, reference, { ...options, size: checkpoint.size });
  const { size } = log.checkpoint();
  if (leaf >= size)
    throw new CliError('entry-missing', `the log ${log.origin} has ${size} leaves, and no leaf ${leaf}`);
  if (leaf >= checkpoint.size) {
    throw new CliError(
      'checkpoint-missing',
      `the newest cosigned checkpoint has ${checkpoint.size} leaves, and the release is at leaf ${leaf}: have the witnesses ` +
        'cosign a newer one, and add what they return with vitrine checkpoint --cosignatures; or use --newest',
    );
  }
  const { bytes, statement } =
    options.format === 'bundle'
      ? await releaseBundle(log, leaf, checkpoint, options)
      : await loggingProof(log, leaf, { checkpoint, ...(signer && { signer }) });
  await writeResult(context, bytes, options);
  await report(context, { log, checkpoint, leaf, statement, bytes }, options);
}

function checkOptions({ format, fromSize, manifest, logKey, json, ...options }: Options): void {
  if (json && outFile(options) === undefined) {
    throw new CliError('usage', 'with --json, name the file of the bundle with --out');
  }
  if (format !== 'bundle') {
    for (const [name, value] of Object.entries({ 'from-size': fromSize, manifest })) {
      if (value !== undefined)
        throw new CliError('usage', `--${name} goes with a bundle, and not with --format ${format}`);
    }
  }
  if (format !== 'cose' && logKey !== undefined) {
    throw new CliError('usage', '--log-key goes with --format cose');
  }
}

/** @throws CliError `usage` for a leaf that is no release; what `makeBundle` throws */
async function releaseBundle(
  log: LogReading,
  leaf: number,
  checkpoint: LogCheckpoint,
  options: Options,
): Promise<{ readonly bytes: Uint8Array; readonly statement: Statement }> {
  const statement = statementOf(await log.entry(leaf));
  if (!isRelease(statement)) {
    throw new CliError(
      'usage',
      `leaf ${leaf} is ${statement === undefined ? 'no statement' : `a ${statement.payload.type}`}: a bundle is of a build or a database`,
    );
  }
  const late = options.fromSize?.find((size) => size > checkpoint.size);
  if (late !== undefined) {
    throw new CliError('usage', `--from-size ${late} is above the ${checkpoint.size} leaves of the checkpoint`);
  }
  const manifest = await readBundledManifest(options.manifest);
  checkManifest(statement, manifest);
  const bytes = await makeBundle(log, leaf, {
    checkpoint,
    ...(options.fromSize && { earlier: options.fromSize }),
    ...(manifest && { manifest }),
  });
  return { bytes, statement };
}

interface Written {
  readonly log: LogReading;
  readonly checkpoint: LogCheckpoint;
  readonly leaf: number;
  readonly statement: Statement;
  readonly bytes: Uint8Array;
}

async function report(
  { output }: Context,
  { log, checkpoint, leaf, statement: { stream }, bytes }: Written,
  { format, json, out }: Options,
): Promise<void> {
  const { size } = checkpoint;
  // A receipt carries no cosignature, whoever has cosigned the tree.
  const unwitnessed = format === 'cose' || !isCosigned(log, checkpoint);
  if (json) {
    return output.json({ format, bundle: out, bytes: bytes.length, leaf, stream, size, unwitnessed });
  }
  const what = { bundle: 'bundle', 'tlog-proof': 'tlog-proof', cose: 'statement with receipt' }[format];
  output.note(
    `${what} of ${printable(stream)} at leaf ${leaf}, tree size ${size}, ${bytes.length} bytes${unwitnessed ? ', unwitnessed' : ''}`,
  );
}

/** The newest that a witness has cosigned, if there is one. */
function chosen(log: LogReading, { newest }: Options): LogCheckpoint {
  return (newest ? undefined : cosignedCheckpoint(log)) ?? log.checkpoint();
}

type Release = Statement & { readonly payload: Extract<Statement['payload'], { readonly type: 'build' | 'database' }> };

function isRelease(statement: Statement | undefined): statement is Release {
  return statement?.payload.type === 'build' || statement?.payload.type === 'database';
}

function checkManifest({ payload }: Release, manifest: Uint8Array | undefined): void {
  const isListed = payload.manifest !== undefined;
  if (isListed === (manifest !== undefined)) return;
  throw new CliError(
    'usage',
    isListed
      ? 'the release has a manifest: name its file with --manifest'
      : 'the release has no manifest, and --manifest names one',
  );
}

/** The leaf that is named as any leaf, or by a file that it has. */
async function leafOf(
  context: Context,
  log: LogReading,
  reference: string,
  options: { readonly size: number; readonly json?: boolean },
): Promise<number> {
  if (isIndex(reference)) return decimalArgument('index')(reference);
  const leafHash = parseLeafHash(reference) ?? (await statementFileHash(reference));
  if (leafHash === undefined) return leafOfArtifact(context, log, reference, options);
  const index = await log.indexOf(leafHash);
  if (index === undefined) throw new CliError('entry-missing', `${reference} is not in the log ${log.origin}`);
  return index;
}

/** The leaf hash of a statement file; undefined for any other, a download for instance. */
async function statementFileHash(path: string): Promise<Uint8Array | undefined> {
  try {
    return (await readStatementFile(path)).leafHash;
  } catch (error) {
    if (error instanceof SignerError && error.code === 'statement-malformed') return undefined;
    throw error;
  }
}

/** The newest release that has a file. */
async function leafOfArtifact(
  context: Context,
  log: LogReading,
  path: string,
  { size, json }: { readonly size: number; readonly json?: boolean },
): Promise<number> {
  const [file] = await hashFiles(context, [await inputFile(path)], { json });
  const progress = startProgress(context, { label: 'searching the log', unit: 'entries', json });
  try {
    for (let index = size - 1; index >= 0; index--) {
      if (context.signal.aborted) throw interrupted();
      progress.update(size - index, size);
      const statement = statementOf(await log.entry(index));
      if (!isRelease(statement)) continue;
      if (statement.payload.artifacts?.some((artifact) => isSameFile(artifact, file!))) return index;
    }
  } finally {
    progress.stop();
  }
  throw new CliError(
    'entry-missing',
    `no release in the first ${size} leaves of ${log.origin} lists ${path}; of one with a manifest, name its leaf`,
  );
}
