import type { Log, LogCheckpoint } from '@vitrine/core/log';
import { SignerError, type Statement } from '@vitrine/signer';
import { makeBundle } from '@vitrine/verifier';
import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';
import { CliError, interrupted } from '../errors.ts';
import { readAtMost } from '../files.ts';
import { hashFiles, inputFile } from '../hashed-file.ts';
import { isIndex, parseLeafHash, readStatementFile, statementOf } from '../leaf-reference.ts';
import { cosignedCheckpoint, isCosigned } from '../log-checkpoints.ts';
import { type LogOption, logDirectory, openLog, withLogOption } from '../log-option.ts';
import { isSameFile } from '../logged-artifacts.ts';
import { decimalArgument } from '../numbers.ts';
import { startProgress } from '../progress.ts';
import { type OutOptions, outFile, withOutOptions, writeResult } from '../result-file.ts';
import { printable } from '../text.ts';

interface Options extends LogOption, OutOptions {
  readonly fromSize?: readonly number[];
  readonly manifest?: string;
  readonly newest?: boolean;
  readonly json?: boolean;
}

// More than the largest that a bundle takes.
const MAX_MANIFEST_SIZE = 1 << 20;

/** `vitrine bundle` */
export function registerBundle(program: Command, context: Context): void {
  withOutOptions(withLogOption(program.command('bundle')))
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
    .option('--newest', 'take the newest checkpoint also if no witness has cosigned it')
    .option('--json', 'print one JSON object; needs --out')
    .addHelpText(
      'after',
      '\nWithout --newest it is the newest checkpoint that a witness has cosigned, if there is one.\n' +
        '\nExamples:\n  $ vitrine bundle tool-1.2.tgz --log ./log --out tool-1.2.tgz.vitrine\n' +
        '  $ vitrine bundle 12 --log ./log --from-size 8,40 --out daily.db.vitrine\n',
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
  const { output } = context;
  if (options.json && outFile(options) === undefined) {
    throw new CliError('usage', 'with --json, name the file of the bundle with --out');
  }
  await using log = await openLog(await logDirectory(context, options));
  const checkpoint = chosen(log, options);
  const leaf = await releaseLeaf(context, log, reference, { ...options, size: checkpoint.size });
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
  const manifest = options.manifest === undefined ? undefined : await readAtMost(options.manifest, MAX_MANIFEST_SIZE);
  checkManifest(statement, manifest);
  const bytes = await makeBundle(log, leaf, {
    checkpoint,
    ...(options.fromSize && { earlier: options.fromSize }),
    ...(manifest && { manifest }),
  });
  await writeResult(context, bytes, options);
  const { stream } = statement;
  const isWitnessed = isCosigned(log, checkpoint);
  if (options.json) {
    return output.json({
      bundle: options.out,
      bytes: bytes.length,
      leaf,
      stream,
      size: checkpoint.size,
      unwitnessed: !isWitnessed,
    });
  }
  output.note(
    `bundle of ${printable(stream)} at leaf ${leaf}, tree size ${checkpoint.size}, ${bytes.length} bytes${isWitnessed ? '' : ', unwitnessed'}`,
  );
}

/** The newest that a witness has cosigned, if there is one. */
function chosen(log: Log, { newest }: Options): LogCheckpoint {
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

/** The leaf of a release that is named as any leaf, or by a file that it has. */
async function releaseLeaf(
  context: Context,
  log: Log,
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
  log: Log,
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
