import { lstat } from 'node:fs/promises';
import {
  formatBase64,
  leafHash as hashLeaf,
  isIndexProof,
  MAX_TLOG_PROOF_SIZE,
  ProofError,
  parseTlogProof,
  type TlogProof,
  verifyTlogProof,
} from '@vitrine/core';
import { isStatementProof, SignerError, statementOf } from '@vitrine/signer';
import { type Command, Option } from 'commander';
import { checkpointJson, checkpointRows } from '../checkpoint-view.ts';
import type { Context } from '../context.ts';
import { CliError, fileError, naming } from '../errors.ts';
import { type FileEntry, type FileEntryOptions, fileEntry, statementBytes } from '../file-entry.ts';
import { readCompanion } from '../files.ts';
import type { IndexExpectation } from '../index-verification.ts';
import { type LoadedPolicy, readPolicy } from '../policy-file.ts';
import type { ReleaseOptions } from '../release-verification.ts';
import type { StatementFinding, StatementOptions } from '../statement-verification.ts';
import { aligned, preview, printable } from '../text.ts';
import { durationArgument, timeArgument } from '../time.ts';

interface Options
  extends FileEntryOptions,
    StatementOptions,
    IndexExpectation,
    Omit<ReleaseOptions, 'name' | 'stream'> {
  readonly policy?: string;
  readonly proof?: string;
  readonly consistency?: string;
  readonly from?: string;
  readonly json?: boolean;
}

const PREVIEW_WIDTH = 100;

/** `vitrine verify` */
export function registerVerify(program: Command, context: Context): void {
  program
    .command('verify')
    .summary('verify a download or a proof, offline')
    .description(
      'With --trust, decide without the log and without a network whether downloads may be installed: each is what was asked ' +
        'for, logged, witnessed, signed by the right key, reviewed, not withdrawn, fresh, and with --state not older than what ' +
        'is installed. With --policy, verify, without the log and without a network, that a file is in a log that a policy accepts; that a file is in a ' +
        'logged source, a record in a logged database or not, a document the one that was committed to, as the proof says; ' +
        'what the index of a log says in the tree of a checkpoint, which latest, history, about and streams prove; that a ' +
        'statement is logged, as bundle --format tlog-proof or cose shows, and names a file; or, with ' +
        '--consistency, that a log only grew. A statement file is itself the entry; if its checksum line was added, give its name with --name.',
    )
    .argument(
      '[files...]',
      'the downloads; or the file that was added to the log, is in a logged source, or was committed to',
    )
    .option('--trust <file>', 'the trust file: which releases are accepted')
    .option('--bundle <file>', 'the bundle (default: the name of the download with .vitrine behind it)')
    .option('--state <file>', 'what was seen and accepted before; is written too')
    .option(
      '--max-age <duration>',
      'as 90s, 15m, 6h or 7d: refuse what the trust file would still take',
      durationArgument('--max-age'),
    )
    .option('--installed', 'the files are installed already: are they still good, and the newest?')
    .option('--now <time>', 'decide as at this time', timeArgument('--now'))
    .option('--policy <file>', 'the policy: which logs and witnesses are accepted')
    .option('--proof <file>', 'the proof (default: the name of the file with .tlog-proof behind it)')
    .option('--record <text>', 'the record, for a proof of prove record')
    .option('--record-file <file>', 'as --record, with its bytes in a file; - is standard input')
    .option('--signer <vkey>', 'the public key that must have signed the statement, or a file with it')
    .option('--stream <stream>', 'the stream that was asked for, or that the proof of latest or history must be about')
    .option('--type <type>', 'the type that the stream must have')
    .option('--issuer <name>', 'the issuer that the stream must have')
    .option('--absent', 'the proof must show that the stream has no statement; with --stream, --type and --issuer')
    .option('--about <leaf hash>', 'the statement that the proof of about must be about')
    .addOption(new Option('--raw', "the file's own bytes are the entry").conflicts('name'))
    .option('--name <name>', 'the base name that the file has in the release, or had when it was added')
    .addOption(
      new Option('--consistency <proof>', 'verify a proof of growth').conflicts([
        'proof',
        'raw',
        'name',
        'record',
        'recordFile',
        'signer',
        'stream',
        'type',
        'issuer',
        'absent',
        'about',
      ]),
    )
    .option('--from <file>', "the old checkpoint, a proof or an agent's state that holds it, for --consistency")
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vitrine verify tool-1.2.tgz --trust acme.trust --stream tool/stable --state agent.state\n' +
        '  $ vitrine verify daily.db --installed --bundle newer.vitrine --trust acme.trust --state agent.state\n' +
        '  $ vitrine verify release-1.2.tar.gz --policy policy\n' +
        '  $ vitrine verify build.cose --policy policy --signer vendor.vkey\n' +
        '  $ vitrine verify main.c --policy policy --signer vendor.vkey\n' +
        '  $ vitrine verify --record "alert tcp any any -> any 445" --proof rule.tlog-proof --policy policy \\\n' +
        '      --signer vendor.vkey\n' +
        '  $ vitrine verify --proof latest.tlog-proof --stream tool/stable --policy policy --signer vendor.vkey\n' +
        '  $ vitrine verify --consistency growth --from old.checkpoint --policy policy\n',
    )
    .action((files: readonly string[], options: Options) => verify(context, files, options));
}

async function verify(context: Context, files: readonly string[], options: Options): Promise<void> {
  if (options.trust !== undefined) return verifyDownloads(context, files, options);
  for (const name of ['bundle', 'state', 'maxAge', 'now', 'installed'] as const) {
    if (options[name] !== undefined) throw new CliError('usage', `${flagOf(name)} goes with --trust`);
  }
  if (options.policy === undefined) {
    throw new CliError('usage', 'name the trust file with --trust, or for a proof the policy with --policy');
  }
  const [file, ...more] = files;
  if (more.length > 0)
    throw new CliError('usage', 'a proof is of one file; several downloads are verified with --trust');
  const { consistency, from } = options;
  if (consistency === undefined) {
    if (from !== undefined) throw new CliError('usage', '--from goes with --consistency');
    return verifyProof(context, file, options);
  }
  if (file !== undefined) throw new CliError('usage', '--consistency verifies no file');
  if (from === undefined) throw new CliError('usage', 'name the old checkpoint with --from');
  const { verifyConsistency } = await import('../growth-verification.ts');
  return verifyConsistency(context, consistency, from, options);
}

async function verifyDownloads(context: Context, files: readonly string[], options: Options): Promise<void> {
  if (options.policy !== undefined) throw new CliError('usage', 'name either a trust file or a policy');
  for (const name of OF_PROOFS) {
    if (options[name] !== undefined)
      throw new CliError('usage', `${flagOf(name)} goes with --policy, and not with --trust`);
  }
  const { verifyReleases } = await import('../release-verification.ts');
  return verifyReleases(context, files, options);
}

/** Options of proofs alone. */
const OF_PROOFS = [
  'proof',
  'record',
  'recordFile',
  'signer',
  'type',
  'issuer',
  'absent',
  'about',
  'raw',
  'consistency',
  'from',
] as const;

const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

async function verifyProof(context: Context, file: string | undefined, options: Options): Promise<void> {
  const isRecord = options.record !== undefined || options.recordFile !== undefined;
  if (file === undefined && options.proof === undefined) {
    throw new CliError(
      'usage',
      isRecord
        ? 'name the proof with --proof'
        : 'name the file to verify, a record with --record, a proof of what an index says with --proof, or one of growth ' +
            'with --consistency',
    );
  }
  if (file !== undefined && isRecord) throw new CliError('usage', 'verify either a file or a record');
  // Whoever mistyped its name is not to look for its proof.
  if (file !== undefined) await lookAt(file);
  const loaded = await readPolicy(options.policy!);
  if (options.proof !== undefined && !isRecord && !options.raw) {
    const { readReceipts, verifyReceiptFile } = await import('../logging-verification.ts');
    const bytes = await readReceipts(options.proof);
    if (bytes !== undefined) {
      checkNotAboutIndex(options);
      return verifyReceiptFile(context, { file, path: options.proof, bytes, loaded }, options);
    }
  }
  if (file !== undefined && options.proof === undefined) await checkNoReceipts(file, options);
  const { path, proof } = await readProof(file, options);
  const { extra } = proof;
  if (extra !== undefined && isIndexProof(extra)) {
    // A file is never verified by what shows nothing of it, nor taken for a proof: whoever names one wants to know of it.
    if (isRecord || file !== undefined) {
      throw new SignerError(
        'statement-proof-mismatch',
        `${path} is a proof of what an index says, and shows nothing of a file or a record: verify it with --proof alone`,
      );
    }
    const { verifyIndex } = await import('../index-verification.ts');
    return verifyIndex(context, { path, proof, extra, loaded }, options);
  }
  checkNotAboutIndex(options);
  if (extra !== undefined && !isRecord && statementOf(extra) !== undefined && !(await isEntry(file, options))) {
    const { verifyLoggedStatement } = await import('../logging-verification.ts');
    return verifyLoggedStatement(context, { file, path, proof, entry: extra, loaded }, options);
  }
  if (extra !== undefined && isStatementProof(extra)) {
    const { verifyStatementProof } = await import('../statement-verification.ts');
    return verifyStatementProof(context, { file, path, proof, extra, loaded }, options);
  }
  if (file !== undefined) return verifyFile(context, file, { proof, loaded }, options);
  if (isRecord) throw notOfStatement(path, 'a record');
  throw new CliError('usage', `name the file that ${path} is a proof of`);
}

/**
 * Refuses a statement with receipts where a file is to be verified: no hash covers its receipts, so it can hold anything, a
 * program for instance, and still be a good proof.
 */
async function checkNoReceipts(file: string, { raw, name }: Options): Promise<void> {
  if (raw || name !== undefined) return;
  const { readReceipts } = await import('../logging-verification.ts');
  if ((await readReceipts(file)) === undefined) return;
  throw new SignerError(
    'statement-proof-mismatch',
    `${file} is a statement with receipts, which proves that the statement is logged and nothing of the file itself: verify it ` +
      'with --proof',
  );
}

function checkNotAboutIndex(options: Options): void {
  for (const name of ['stream', 'type', 'issuer', 'absent', 'about'] as const) {
    if (options[name] !== undefined) throw new CliError('usage', `--${name} goes with a proof of what an index says`);
  }
}

/** Whether a file is an entry by itself. */
async function isEntry(file: string | undefined, { raw, name }: Options): Promise<boolean> {
  if (file === undefined) return false;
  return raw === true || (name === undefined && (await statementBytes(file)) !== undefined);
}

async function lookAt(file: string): Promise<void> {
  // A link that leads nowhere can be a file of a source.
  await lstat(file).catch((error: unknown) => {
    throw fileError(file, error);
  });
}

function notOfStatement(path: string, what: string): SignerError {
  return new SignerError('statement-proof-mismatch', `${path} is not about a statement, and shows nothing of ${what}`);
}

function noStatement(file: string): SignerError {
  const message =
    `${file} is no statement, so --signer has nothing to check; of a file in a logged build, verify the statement, which ` +
    'vitrine show --bytes prints, and compare the SHA-256 in it';
  return new SignerError('statement-proof-mismatch', message);
}

async function verifyFile(
  context: Context,
  file: string,
  { proof, loaded }: { readonly proof: TlogProof; readonly loaded: LoadedPolicy },
  options: Options,
): Promise<void> {
  const { output } = context;
  const { entry, kind } = await fileEntry(file, options, context.signal);
  if (options.signer !== undefined && kind === 'sum-line') throw noStatement(file);
  const leafHash = hashLeaf(entry);
  const verified = explained(kind, options, () => verifyTlogProof({ leafHash, proof, ...loaded }));

  const checkpoint = checkpointJson(verified, loaded.policy);
  const found = { index: proof.index, leafHash: formatBase64(leafHash) };
  const words = kind === 'sum-line' ? undefined : await statementIn(entry, checkpoint.origin, file, options);
  if (options.json) return output.json({ verified: 'inclusion', file, ...words?.json, ...found, ...checkpoint });
  await output.text(
    aligned([
      ['verified', `${printable(file)} is in the log`],
      ['entry', entryText(entry, kind)],
      ...(words?.rows ?? []),
      ['index', String(proof.index)],
      ['leaf hash', found.leafHash],
      ...checkpointRows(checkpoint),
    ]),
  );
}

function entryText(entry: Uint8Array, kind: FileEntry['kind']): string {
  if (kind === 'statement') return 'the statement itself';
  return kind === 'raw' ? `${entry.length} bytes` : preview(entry, PREVIEW_WIDTH);
}

/** The words of the statement that an entry is; undefined for any other entry. */
async function statementIn(
  entry: Uint8Array,
  origin: string,
  file: string,
  options: Options,
): Promise<StatementFinding | undefined> {
  const statement = statementOf(entry);
  if (statement === undefined) {
    if (options.signer !== undefined) throw notOfStatement(file, 'a signer');
    return undefined;
  }
  // A log of arbitrary entries can have anybody's; it is bytes there.
  if (options.signer === undefined && statement.audience !== origin) return undefined;
  const { verifyStatement } = await import('../statement-verification.ts');
  return verifyStatement(entry, statement, origin, options);
}

async function readProof(
  file: string | undefined,
  { proof }: Options,
): Promise<{ readonly path: string; readonly proof: TlogProof }> {
  const companion = { option: 'proof', named: proof, beside: `${file}.tlog-proof` };
  const { path, bytes } = await readCompanion(companion, MAX_TLOG_PROOF_SIZE);
  return { path, proof: naming(path, () => parseTlogProof(bytes)) };
}

/** A file that was renamed has another entry, which is worth a hint. */
function explained<T>(kind: FileEntry['kind'], { name }: FileEntryOptions, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof ProofError) || error.code !== 'proof-mismatch' || kind === 'raw' || name !== undefined) {
      throw error;
    }
    const hint =
      kind === 'statement'
        ? 'a statement is itself the entry; if its checksum line was added, give its name with --name'
        : 'if the file was only renamed, give its old name with --name';
    throw new ProofError(error.code, `this file is not the entry that the proof is of: ${error.message}; ${hint}`, {
      cause: error,
    });
  }
}
