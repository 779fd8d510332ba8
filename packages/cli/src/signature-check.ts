import { parseVkey, type VerifierKey } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import { admittedKeys, openStatement, type Role, type Statement, signingRole, statementOf } from '@vitrine/signer';
import { keyLabel } from './statement-view.ts';

/** What a log says of a statement's signature. */
export type SignatureCheck =
  | { readonly verified: true; readonly role: Role | 'log'; readonly removedAt?: number }
  | { readonly verified: false; readonly reason: string };

/** Nobody was asked for the key. */
export const NO_LOG: SignatureCheck = { verified: false, reason: 'without the log its key is not known' };

/** The server of the log cannot be asked for the key, nor for a withdrawal. */
export const FILES_ONLY: SignatureCheck = {
  verified: false,
  reason: 'its server has files only, and does not say whose keys the log admitted, nor what was withdrawn',
};

/** The log is a copy, made without its index. */
export const PLAIN_MIRROR: SignatureCheck = {
  verified: false,
  reason: 'this mirror keeps neither whose keys the log admitted, nor what was withdrawn',
};

/**
 * Verifies a statement's signature with the key of its name and ID that the log has admitted, if there is one, even if it
 * was removed since: that ends what it may sign, not what it has signed.
 *
 * @throws SignerError `statement-signature` if the signature is wrong; CoreError `log-corrupt`
 */
export async function checkSignature(
  log: LogReading,
  entry: Uint8Array,
  statement: Statement,
): Promise<SignatureCheck> {
  const known = await findKey(log, statement);
  if (known === undefined) {
    const name = keyLabel({ keyName: statement.issuer, keyId: statement.keyId });
    return { verified: false, reason: `the log has admitted no key ${name}` };
  }
  openStatement(entry, [known.key]);
  const { role, removedAt } = known;
  return { verified: true, role, ...(removedAt !== undefined && { removedAt }) };
}

interface KnownKey {
  readonly key: VerifierKey;
  readonly role: Role | 'log';
  readonly removedAt?: number;
}

async function findKey(log: LogReading, statement: Statement): Promise<KnownKey | undefined> {
  const isSigner = (key: { readonly keyName: string; readonly keyId: number }): boolean =>
    key.keyName === statement.issuer && key.keyId === statement.keyId;
  if (isSigner(log.key)) return { key: log.key, role: 'log' };
  const { admitted, removed } = await admittedKeys(log);
  for (const { role, vkey } of admitted) {
    const key = parseVkey(vkey);
    if (isSigner(key)) return { key, role };
  }
  const gone = removed.find(isSigner);
  if (gone === undefined) return undefined;
  // The statement that removed it names it only; the one that added it is before that.
  let found: KnownKey | undefined;
  for await (const entry of log.entries(0, gone.since)) {
    const payload = statementOf(entry)?.payload;
    if (payload?.type !== 'admission') continue;
    for (const { role, vkey } of payload.add ?? []) {
      const key = parseVkey(vkey);
      if (isSigner(key)) found = { key, role, removedAt: gone.since };
    }
  }
  return found;
}

/** The outcome for people. */
export function signatureText(check: SignatureCheck, { payload: { type } }: Statement): string {
  if (!check.verified) return `not checked: ${check.reason}`;
  const { role, removedAt } = check;
  const wanted = signingRole(type);
  const stray = role === wanted ? '' : `; but a statement of type ${type} is the ${wanted}'s to sign`;
  if (role === 'log') return `verified, with the log's own key${stray}`;
  const removed = removedAt === undefined ? '' : `, and removed at leaf ${removedAt}`;
  return `verified, with a key that the log admitted as ${role}${removed}${stray}`;
}
