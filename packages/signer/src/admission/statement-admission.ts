import { CoreError, quote, type VerifierKey, verifyEd25519 } from '@vitrine/core';
import type { Admission, DerivedPair, LogView } from '@vitrine/core/log';
import { SignerError } from '../error.ts';
import { parseSignedStatement, type SignedStatement } from '../statement/parse-statement.ts';
import type { DatabasePayload, Payload, Role, StatementType, WithdrawalPayload } from '../statement/payload.ts';
import type { Statement } from '../statement/statement.ts';
import { type AdmittedKey, displayKey, keyState, nameOfKeyId } from './admission-key.ts';
import { hasIndex, latestStatement, withdrawalOf } from './index-queries.ts';
import { changeKeys } from './key-list.ts';
import {
  isRelease,
  judgeBuild,
  judgeDatabase,
  judgeReview,
  judgeSource,
  judgeWithdrawal,
  latestDatabase,
  latestWithdrawal,
} from './rules.ts';
import { signingRole } from './signing-role.ts';
import { type LoggedStatement, StatementReader } from './statement-reader.ts';

// Keeps what follows from leaf hashes alone, so that all logs can share it.
const reader: StatementReader = new StatementReader();

/**
 * The rules of a log of statements: what `Log.open` needs to append to one, and `fsck` to judge its entries again.
 *
 * It takes a statement that is meant for the log, signed by a key that the log has admitted, of a type that the key's role
 * may sign, and that fits what the log has. It refuses anything else with a SignerError: `statement-malformed`,
 * `statement-newer`, `statement-signature` and the `admission-` codes. What it derives are pointers to leaves, and no copy
 * of what a statement says.
 */
export const statementAdmission: Admission = {
  async admit(entry: Uint8Array, _leafHash: Uint8Array, log: LogView): Promise<DerivedPair[]> {
    const signed = parseSignedStatement(entry);
    const { statement } = signed;
    if (statement.audience !== log.origin) {
      throw new SignerError(
        'admission-audience',
        `the statement is meant for ${quote(statement.audience)}, and this is ${quote(log.origin)}`,
      );
    }
    // Cheap checks first, and none of what the log has before the key is known to be one that it takes.
    if (is(statement, 'admission')) {
      checkLogKey(statement, log);
      checkSignature(signed, log.key);
      return changeKeys(reader, log, statement);
    }
    const { role, key } = await admittedKey(statement, log);
    checkRole(statement, role);
    checkSignature(signed, key);
    return judge(statement, log);
  },
};

/**
 * The newest release of a database, which the next one must exceed.
 *
 * @param log a log of statements
 * @param issuer the key name of its vendor
 * @param name that of the database
 * @throws CoreError `log-corrupt`
 */
export function newestDatabase(
  log: LogView,
  issuer: string,
  name: string,
): Promise<(LoggedStatement & { readonly statement: Statement<DatabasePayload> }) | undefined> {
  const stream = { issuer, stream: name };
  return hasIndex(log) ? latestStatement(log, 'database', stream) : latestDatabase(reader, log, stream);
}

/**
 * The newest withdrawal of a release, or of another one of its stream with the same content, if the log has any: this is
 * what the log says, and proves nothing to whoever does not have the whole log. A log with an index has to tell of the withdrawal of
 * this very release, whoever serves it.
 *
 * @param log a log of statements
 * @param release a source, a build or a database; others have no withdrawal
 * @throws CoreError `log-corrupt`
 */
export async function newestWithdrawal(
  log: LogView,
  { leafHash, statement }: Pick<LoggedStatement, 'leafHash' | 'statement'>,
): Promise<(LoggedStatement & { readonly statement: Statement<WithdrawalPayload> }) | undefined> {
  if (!isRelease(statement)) return undefined;
  const own = hasIndex(log) ? await withdrawalOf(log, { leafHash, issuer: statement.issuer }) : undefined;
  const found = await latestWithdrawal(reader, log, statement).catch((error: unknown) => {
    // Which keeps no pointers.
    if (error instanceof CoreError && error.code === 'log-mirror') return undefined;
    throw error;
  });
  return (found?.index ?? -1) > (own?.index ?? -1) ? found : own;
}

function is<T extends StatementType>(
  statement: Statement,
  type: T,
): statement is Statement<Extract<Payload, { readonly type: T }>> {
  return statement.payload.type === type;
}

/** @throws SignerError `admission-key` unless the log's own key is named as the signer */
function checkLogKey({ issuer, keyId }: Statement, { key }: LogView): void {
  if (issuer === key.keyName && keyId === key.keyId) return;
  throw new SignerError(
    'admission-key',
    `the log's own key admits and removes keys, not ${displayKey(issuer, keyId)}: ${displayKey(key.keyName, key.keyId)}`,
  );
}

/** The key that a statement names, if the log takes its statements now. @throws SignerError `admission-key` */
async function admittedKey({ issuer, keyId }: Statement, log: LogView): Promise<AdmittedKey> {
  const state = await keyState(reader, log, issuer, keyId);
  if (state?.admitted !== undefined) return state.admitted;
  const name = displayKey(issuer, keyId);
  if (state !== undefined) {
    throw new SignerError('admission-key', `the key ${name} was removed at leaf ${state.index}`);
  }
  if (issuer === log.key.keyName && keyId === log.key.keyId) {
    throw new SignerError('admission-key', "the log's own key signs admissions, and no other statements");
  }
  const other = await nameOfKeyId(reader, log, keyId);
  throw new SignerError(
    'admission-key',
    other === undefined
      ? `the log does not take statements of the key ${name}: it was never admitted`
      : `the key of the ID in ${name} is admitted as ${quote(other)}, not as ${quote(issuer)}`,
  );
}

/** @throws SignerError `admission-role` */
function checkRole({ issuer, payload: { type } }: Statement, role: Role): void {
  const wanted = signingRole(type);
  if (role === wanted) return;
  throw new SignerError('admission-role', `a statement of type ${type} is a ${wanted}'s, and ${issuer} is a ${role}`);
}

/** @throws SignerError `statement-signature` */
function checkSignature({ statement, toBeSigned, signature }: SignedStatement, { publicKey }: VerifierKey): void {
  if (verifyEd25519(publicKey, toBeSigned, signature)) return;
  const { issuer, keyId } = statement;
  throw new SignerError('statement-signature', `the signature is not one by ${displayKey(issuer, keyId)}`);
}

async function judge(statement: Statement, log: LogView): Promise<DerivedPair[]> {
  const by = { reader, log };
  if (is(statement, 'source')) return judgeSource({ ...by, statement });
  if (is(statement, 'build')) return judgeBuild({ ...by, statement });
  if (is(statement, 'database')) return judgeDatabase({ ...by, statement });
  if (is(statement, 'review')) return judgeReview({ ...by, statement });
  if (is(statement, 'withdrawal')) return judgeWithdrawal({ ...by, statement });
  // Nothing more is asked of a handling statement.
  return [];
}
