import { equalBytes, type StreamName } from '@vitrine/core';
import type { DerivedPair, LogView } from '@vitrine/core/log';
import { SignerError } from '../error.ts';
import { artifactSet } from '../statement/artifact-set.ts';
import type {
  BuildPayload,
  DatabasePayload,
  Payload,
  ReleasePayload,
  ReviewPayload,
  WithdrawalPayload,
} from '../statement/payload.ts';
import type { Statement } from '../statement/statement.ts';
import { damaged, follow, leafIndex, streamPointer, withdrawnPointer } from './pointers.ts';
import type { LoggedStatement, StatementReader } from './statement-reader.ts';

/** What a statement is judged by. */
interface Judged<P extends Payload> {
  readonly reader: StatementReader;
  /** As it is before the statement. */
  readonly log: LogView;
  readonly statement: Statement<P>;
}

/** A release that the log has. */
interface LoggedRelease extends LoggedStatement {
  readonly statement: Statement<ReleasePayload>;
}

const refuse = (code: SignerError['code'], message: string): SignerError => new SignerError(code, message);

/** Whether a statement is of what can be reviewed and withdrawn. */
export function isRelease(statement: Statement): statement is Statement<ReleasePayload> {
  const { type } = statement.payload;
  return type === 'source' || type === 'build' || type === 'database';
}

const streamNameOf = ({ payload: { type }, issuer, stream }: Statement): StreamName => ({ type, issuer, stream });

/** "leaf 5, a build": how messages name what another statement speaks of. */
const display = ({ index, statement }: LoggedStatement): string => `leaf ${index}, of type ${statement.payload.type},`;

/** What a release must not share with one that was withdrawn. */
function contentOf(payload: ReleasePayload): Uint8Array {
  return payload.type === 'source' ? payload.tree.root : artifactSet(payload);
}

/** The release that a statement names in one of its fields. @throws SignerError `admission-subject` */
async function releaseOf(
  { reader, log }: Judged<Payload>,
  leafHash: Uint8Array,
  field: string,
): Promise<LoggedRelease> {
  const found = await reader.of(log, leafHash);
  if (found === undefined) {
    throw refuse('admission-subject', `the log does not have the statement that the ${field} is said to be`);
  }
  const { statement } = found;
  if (!isRelease(statement)) {
    throw refuse('admission-subject', `${display(found)} is no source, build or database, and so no ${field}`);
  }
  return { ...found, statement };
}

/** @throws SignerError `admission-withdrawn` for the content of a release of the same stream that was withdrawn */
async function checkNotWithdrawn({ log, statement }: Judged<ReleasePayload>): Promise<void> {
  const at = await follow(log, withdrawnPointer(streamNameOf(statement), contentOf(statement.payload)));
  if (at === undefined) return;
  const what = statement.payload.type === 'source' ? 'this source tree' : 'these artifacts';
  throw refuse('admission-withdrawn', `a release of ${what} in this stream was withdrawn at leaf ${at}`);
}

/** "This is the source given to reviewers." */
export async function judgeSource(judged: Judged<ReleasePayload>): Promise<DerivedPair[]> {
  await checkNotWithdrawn(judged);
  return [];
}

/** A build's source is a source statement of the same issuer and product. */
export async function judgeBuild(judged: Judged<BuildPayload>): Promise<DerivedPair[]> {
  const { issuer, payload } = judged.statement;
  if (payload.source !== undefined) {
    const source = await releaseOf(judged, payload.source, 'source');
    const of = source.statement.payload;
    if (of.type !== 'source') throw refuse('admission-subject', `${display(source)} is no source`);
    if (source.statement.issuer !== issuer || of.product !== payload.product) {
      throw refuse('admission-issuer', `leaf ${source.index} is the source of another issuer or product`);
    }
  }
  await checkNotWithdrawn(judged);
  return [];
}

/** A database's sequence exceeds that of the release before it in the stream, which is what it says it is. */
export async function judgeDatabase(judged: Judged<DatabasePayload>): Promise<DerivedPair[]> {
  const { log, statement } = judged;
  const { sequence, previous } = statement.payload;
  const last = await latestDatabase(judged.reader, log, statement);
  if (last !== undefined && sequence <= last.statement.payload.sequence) {
    const at = `${last.statement.payload.sequence} at leaf ${last.index}`;
    throw refuse('admission-sequence', `the last sequence of the stream is ${at}, and ${sequence} does not exceed it`);
  }
  if (previous !== undefined && (last === undefined || !equalBytes(previous, last.leafHash))) {
    const found = last === undefined ? 'it has none' : `it is at leaf ${last.index}`;
    throw refuse('admission-sequence', `"previous" is not the last release of the stream: ${found}`);
  }
  await checkNotWithdrawn(judged);
  return [[streamPointer(streamNameOf(statement)), leafIndex(log.size)]];
}

/** The newest release of a database's stream. */
export async function latestDatabase(
  reader: StatementReader,
  log: LogView,
  { issuer, stream }: Pick<StreamName, 'issuer' | 'stream'>,
): Promise<(LoggedStatement & { readonly statement: Statement<DatabasePayload> }) | undefined> {
  const index = await follow(log, streamPointer({ type: 'database', issuer, stream }));
  if (index === undefined) return undefined;
  const { leafHash, statement } = await reader.at(log, index);
  const { payload } = statement;
  if (payload.type !== 'database' || statement.issuer !== issuer || statement.stream !== stream) {
    throw damaged('leads to a statement of another stream');
  }
  return { index, leafHash, statement: { ...statement, payload } };
}

/** Whether two releases are of one stream and have the same content. */
function isSameContent(a: Statement<ReleasePayload>, b: Statement<ReleasePayload>): boolean {
  const isSameStream = a.payload.type === b.payload.type && a.issuer === b.issuer && a.stream === b.stream;
  return isSameStream && equalBytes(contentOf(a.payload), contentOf(b.payload));
}

/** The newest withdrawal of this very release, or of another one of its stream with the same content. */
export async function latestWithdrawal(
  reader: StatementReader,
  log: LogView,
  release: Statement<ReleasePayload>,
): Promise<(LoggedStatement & { readonly statement: Statement<WithdrawalPayload> }) | undefined> {
  const index = await follow(log, withdrawnPointer(streamNameOf(release), contentOf(release.payload)));
  if (index === undefined) return undefined;
  const { leafHash, statement } = await reader.at(log, index);
  const { payload } = statement;
  if (payload.type !== 'withdrawal' || statement.issuer !== release.issuer) {
    throw damaged('leads to another statement than a withdrawal');
  }
  const withdrawn = (await reader.of(log, payload.subject))?.statement;
  if (withdrawn === undefined || !isRelease(withdrawn) || !isSameContent(withdrawn, release)) {
    throw damaged('leads to the withdrawal of another release');
  }
  return { index, leafHash, statement: { ...statement, payload } };
}

/** A review is of a release by another issuer, also if the key changed its role since; only a build can be reproduced. */
export async function judgeReview(judged: Judged<ReviewPayload>): Promise<DerivedPair[]> {
  const { issuer, payload } = judged.statement;
  const { subject, verdict } = payload;
  const release = await releaseOf(judged, subject, 'subject');
  if ((verdict === 'reproduced' || verdict === 'equivalent') && release.statement.payload.type !== 'build') {
    throw refuse('admission-subject', `${display(release)} cannot be "${verdict}": only a build can`);
  }
  if (release.statement.issuer === issuer) {
    throw refuse(
      'admission-issuer',
      `leaf ${release.index} is by the same issuer, and who released something cannot review it`,
    );
  }
  return [];
}

/** A withdrawal is by the issuer of what it withdraws, and what replaces that is another release of the same stream. */
export async function judgeWithdrawal(judged: Judged<WithdrawalPayload>): Promise<DerivedPair[]> {
  const { log, statement } = judged;
  const { subject, replacement } = statement.payload;
  const release = await releaseOf(judged, subject, 'subject');
  checkIssuer(release, statement.issuer);
  const name = streamNameOf(release.statement);
  if (replacement !== undefined) {
    const other = await releaseOf(judged, replacement, 'replacement');
    checkIssuer(other, statement.issuer);
    const { type, stream } = streamNameOf(other.statement);
    if (type !== name.type || stream !== name.stream) {
      throw refuse('admission-subject', `leaf ${other.index} is of another stream than what it is to replace`);
    }
    if (other.index === release.index) throw refuse('admission-subject', 'a release cannot replace itself');
  }
  return [[withdrawnPointer(name, contentOf(release.statement.payload)), leafIndex(log.size)]];
}

function checkIssuer(release: LoggedRelease, issuer: string): void {
  if (release.statement.issuer === issuer) return;
  throw refuse('admission-issuer', `leaf ${release.index} is by another issuer, who alone can withdraw or replace it`);
}
