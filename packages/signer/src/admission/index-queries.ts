import { leafHash as hashLeaf, type StreamName, type SubjectRecord } from '@vitrine/core';
import type { LogDescription, LogView } from '@vitrine/core/log';
import { SignerError } from '../error.ts';
import { openStatement } from '../statement/open-statement.ts';
import { parseStatement } from '../statement/parse-statement.ts';
import type { AdmissionPayload, Payload, StatementType } from '../statement/payload.ts';
import type { Statement } from '../statement/statement.ts';
import { damaged } from './pointers.ts';
import type { LoggedStatement } from './statement-reader.ts';

/** A log that can be asked by its index, as a `Log` can: what it answers it has checked against its checkpoint. */
export interface IndexQueries extends LogView {
  readonly description: Pick<LogDescription, 'indexed'>;
  latest(stream: StreamName): Promise<{ readonly index: number } | undefined>;
  history(stream: StreamName): AsyncIterable<{ readonly index: number }>;
  subject(leafHash: Uint8Array): Promise<SubjectRecord | null>;
}

/** Whether a log has an index, which says more than the pointers of its admission: nobody has to believe it. */
export function hasIndex(log: LogView): log is IndexQueries {
  return 'description' in log && (log as IndexQueries).description.indexed;
}

/** The admission statements of a log with an index, from the first on. @throws CoreError `log-corrupt` */
export async function* loggedAdmissions(
  log: IndexQueries,
): AsyncGenerator<{ readonly index: number; readonly payload: AdmissionPayload }, void, undefined> {
  const { origin } = log;
  for await (const { index } of log.history({ type: 'admission', issuer: origin, stream: origin })) {
    const opened = openOrSkip(await log.entry(index), log);
    if (opened !== undefined && isOf(opened, 'admission')) yield { index, payload: opened.payload };
  }
}

/** The index maps every entry that says to be an admission, also one that the log should not have taken. */
function openOrSkip(entry: Uint8Array, { origin, key }: LogView): Statement | undefined {
  try {
    const statement = openStatement(entry, [key]);
    return statement.audience === origin ? statement : undefined;
  } catch (error) {
    if (error instanceof SignerError) return undefined;
    throw error;
  }
}

/** The newest statement of a stream of a log with an index. @throws CoreError `log-corrupt` */
export async function latestStatement<T extends StatementType>(
  log: IndexQueries,
  type: T,
  { issuer, stream }: Pick<StreamName, 'issuer' | 'stream'>,
): Promise<LoggedAs<T> | undefined> {
  const latest = await log.latest({ type, issuer, stream });
  return latest && statementAt(log, latest.index, type);
}

/** What the issuer of a release last said of withdrawing it, in a log with an index. @throws CoreError `log-corrupt` */
export async function withdrawalOf(
  log: IndexQueries,
  { leafHash, issuer }: { readonly leafHash: Uint8Array; readonly issuer: string },
): Promise<LoggedAs<'withdrawal'> | undefined> {
  const record = await log.subject(leafHash);
  const word = record?.find((one) => one.type === 'withdrawal' && one.issuer === issuer);
  const index = word && (await log.indexOf(word.newest));
  if (word !== undefined && index === undefined) throw damaged('is missing, of a statement that the index names');
  return index === undefined ? undefined : statementAt(log, index, 'withdrawal');
}

type LoggedAs<T extends StatementType> = LoggedStatement & {
  readonly statement: Statement<Extract<Payload, { readonly type: T }>>;
};

async function statementAt<T extends StatementType>(log: LogView, index: number, type: T): Promise<LoggedAs<T>> {
  const entry = await log.entry(index);
  const statement = parseStatement(entry);
  // The index says so too, and was checked.
  if (!isOf(statement, type)) throw damaged('leads to a statement of another type');
  return { index, leafHash: hashLeaf(entry), statement };
}

function isOf<T extends StatementType>(
  statement: Statement,
  type: T,
): statement is Statement<Extract<Payload, { readonly type: T }>> {
  return statement.payload.type === type;
}
