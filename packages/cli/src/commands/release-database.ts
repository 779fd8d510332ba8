import {
  type Artifact,
  type DatabasePayload,
  newestDatabase,
  type RecordFormat,
  SignerError,
  type Statement,
} from '@vitrine/signer';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import {
  type CountedRecords,
  countRecords,
  type DatabaseFiles,
  databaseFiles,
  type RecordOptions,
  recordFormat,
} from '../database-files.ts';
import { ANY_HASH, checkDraft } from '../draft.ts';
import { CliError } from '../errors.ts';
import { hashFiles, inputFile } from '../hashed-file.ts';
import { hex } from '../hex.ts';
import { checkNotOut, type IssueOptions, type Issuer, issue, withIssueOptions } from '../issue.ts';
import { LEAF_ARGUMENT, resolveLeaf } from '../leaf-reference.ts';
import { hasLog, logPlace, openLog } from '../log-option.ts';
import { decimalArgument } from '../numbers.ts';
import { type BundleOptions, prepareBundle, withBundleOptions } from '../release-bundle.ts';
import { checkOutside, checkReleasedNames, releasedFiles } from '../released-files.ts';
import { formatText } from '../statement-view.ts';
import { count } from '../text.ts';
import { expiryArgument } from '../time.ts';

interface Options extends IssueOptions, BundleOptions, RecordOptions {
  readonly name: string;
  readonly sequence?: number;
  readonly next?: boolean;
  readonly previous?: string;
  readonly delta?: string;
  readonly from?: number;
  readonly manifest?: string;
  readonly expires?: number;
}

/** `vitrine release database` */
export function registerReleaseDatabase(release: Command, context: Context): void {
  withIssueOptions(
    withBundleOptions(
      release
        .command('database')
        .summary('log a release of a signature database')
        .description(
          'Log a release of a signature database: the SHA-256 of its files, the root over its records, so that anybody can ' +
            'be shown that a record is in it or is not, and the release before it.',
        )
        .argument('<database>', 'its file, or the directory of its files')
        .requiredOption('--name <name>', 'the database: letters, digits, dots, underscores and hyphens')
        .addOption(
          new Option('--sequence <n>', 'its number, above that of the release before it')
            .argParser(decimalArgument('--sequence'))
            .conflicts('next'),
        )
        .option('--next', 'the number that follows that of the release before it; 1 for the first')
        .addOption(
          new Option(
            '--records <how>',
            'how its records are read: each line is one; from a ClamAV container; or not at all (default: cvd for .cvd, .cud ' +
              'and .cld, otherwise lines)',
          ).choices(['lines', 'cvd', 'none']),
        )
        .option('--comment <prefix>', 'lines that begin with this are no records')
        .option('--skip-blank', 'blank lines are no records')
        .option('--delta <file>', 'your own way here from an earlier release')
        .option('--from <n>', 'with --delta: the number of that release', decimalArgument('--from'))
        .option('--manifest <file>', 'write the list of the files here, and log that: needed for more than 200')
        .option(
          '--expires <when>',
          'from then on it is too old: a time, or a duration from now as 36h, 30d, 2w',
          expiryArgument('--expires', context.now),
        )
        .option('--previous <leaf>', `with --offline: the release before it, by ${LEAF_ARGUMENT}`),
    ),
  )
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ vitrine release database rules.txt --name acme-rules --next --comment "#" --skip-blank --log ./log \\\n' +
        '      --key vendor.key\n' +
        '  $ vitrine release database daily.cvd --name acme-daily --sequence 27841 --expires 7d \\\n' +
        '      --delta daily-27841.cdiff --from 27840 --log ./log --key vendor.key\n',
    )
    .action((path: string, options: Options) => releaseDatabase(context, path, options));
}

async function releaseDatabase(context: Context, path: string, options: Options): Promise<void> {
  const { name, sequence, next, delta, from, manifest, expires } = options;
  if (sequence === undefined && !next) throw new CliError('usage', 'number the release with --sequence or --next');
  if ((delta === undefined) !== (from === undefined)) throw new CliError('usage', '--delta and --from go together');
  if (options.previous !== undefined && !options.offline) {
    throw new CliError('usage', '--previous goes with --offline: the log knows which release is the last');
  }
  checkNotOut(options, manifest, '--manifest');
  const writeBundle = await prepareBundle(context, options);
  const database = await databaseFiles(path);
  checkReleasedNames(
    database.files.map((file) => file.name),
    manifest,
  );
  if (manifest !== undefined && database.isDirectory) await checkOutside(path, manifest, '--manifest');
  const format = recordFormat(database, options);
  const any: Artifact = { name: 'any', size: 0, sha256: ANY_HASH };
  checkDraft({
    type: 'database',
    name,
    sequence: sequence ?? Number.MAX_SAFE_INTEGER,
    artifacts: [any],
    ...(format !== undefined && { records: { root: ANY_HASH, count: 0, format } }),
    ...(from !== undefined && { delta: { from, artifact: any } }),
    ...(expires !== undefined && { expires }),
  });

  const describe = async (issuer: Issuer): Promise<DatabasePayload> => {
    const previous = await findPrevious(context, issuer, options);
    const number = sequenceAfter(previous, options);
    if (from !== undefined && from >= number) {
      throw new CliError('usage', `--from ${from} is not below the sequence, ${number}`);
    }
    const { format: before } = previous;
    if (format !== undefined && before !== undefined && formatText(format) !== formatText(before)) {
      issuer.warn(`the records of the release before this one were read as ${formatText(before)}`);
    }
    const { artifacts, deltaArtifact } = await hashAll(context, database, options);
    const records = format && (await countRecords(context, database, { format, json: options.json }));
    if (records !== undefined) issuer.note(recordsText(records));
    return {
      type: 'database',
      name,
      sequence: number,
      ...(await releasedFiles(artifacts, options)),
      ...(records !== undefined && { records: records.summary }),
      ...(deltaArtifact !== undefined && { delta: { from: from!, artifact: deltaArtifact } }),
      ...(previous.leafHash !== undefined && { previous: previous.leafHash }),
      ...(expires !== undefined && { expires }),
    };
  };
  const release = await issue(context, describe, options);
  await writeBundle?.(release);
}

/** The release before a new one, as much as is known of it. */
interface Previous {
  readonly leafHash?: Uint8Array;
  /** 0 if there is none: the new one is the first. */
  readonly sequence?: number;
  /** How its records were read. */
  readonly format?: RecordFormat | undefined;
}

/** The last release of the database: in the log, or as `--previous` names it. */
async function findPrevious(context: Context, issuer: Issuer, options: Options): Promise<Previous> {
  const { previous, offline, name } = options;
  if (previous !== undefined) {
    const { leafHash, entry, statement } = await resolveLeaf(context, previous, options);
    return entry === undefined ? { leafHash } : { leafHash, sequence: sequenceOf(statement, issuer, options) };
  }
  if (offline && !hasLog(context, options)) {
    issuer.warn('without the log, or --previous, the release before this one is not named');
    return {};
  }
  await using log = await openLog(await logPlace(context, options));
  const last = await newestDatabase(log, issuer.keyName, name);
  if (last === undefined) return { sequence: 0 };
  const { sequence, records } = last.statement.payload;
  return { leafHash: last.leafHash, sequence, format: records?.format };
}

/** @throws CliError `usage` if the statement is not a release of this database */
function sequenceOf(statement: Statement | undefined, { keyName }: Issuer, { name, previous }: Options): number {
  const payload = statement?.payload;
  if (payload?.type !== 'database' || payload.name !== name || statement?.issuer !== keyName) {
    throw new CliError('usage', `--previous ${previous} is no release of the database ${name} by ${keyName}`);
  }
  return payload.sequence;
}

/** @throws SignerError `admission-sequence`, as the log would refuse it; CliError `usage` where --next is not known */
function sequenceAfter(previous: Previous, { sequence, name }: Options): number {
  if (sequence === undefined) {
    if (previous.sequence !== undefined) return previous.sequence + 1;
    throw new CliError(
      'usage',
      '--next needs the release before this one: name the log, or its statement with --previous',
    );
  }
  const { leafHash, sequence: last } = previous;
  if (leafHash !== undefined && last !== undefined && sequence <= last) {
    throw new SignerError(
      'admission-sequence',
      `the last release of ${name} has the sequence ${last}, and the next one must exceed it: found ${sequence}`,
    );
  }
  return sequence;
}

async function hashAll(
  context: Context,
  { files }: DatabaseFiles,
  { delta, json }: Options,
): Promise<{ artifacts: readonly Artifact[]; deltaArtifact: Artifact | undefined }> {
  const all = [...files, ...(delta === undefined ? [] : [await inputFile(delta)])];
  const hashed = await hashFiles(context, all, { json });
  return { artifacts: hashed.slice(0, files.length), deltaArtifact: hashed[files.length] };
}

function recordsText({ summary, duplicates }: CountedRecords): string {
  const root = hex(summary.root);
  const folded = duplicates === 0 ? '' : ` (${count(duplicates, 'duplicate')} counted once)`;
  return `${count(summary.count, 'record')}${folded}, root ${root}`;
}
