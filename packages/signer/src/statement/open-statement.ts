import { formatKeyId, KEY_TYPE_ED25519, quote, type VerifierKey, verifyEd25519 } from '@vitrine/core';
import { SignerError } from '../error.ts';
import { parseSignedStatement } from './parse-statement.ts';
import type { OpenedStatement, Statement } from './statement.ts';

/**
 * Reads a statement and verifies its signature. Whether its key may say such a thing, to this log, is for the caller to
 * decide.
 *
 * @param keys the keys that may have signed it, or what finds them by what it says; those of another type than 0x01 never have
 * @throws SignerError `statement-newer` and `statement-malformed` as `parseStatement`; `statement-key` if none of the keys
 * has the name and the ID that the statement gives; `statement-signature` if none of those that have made its signature
 */
export function openStatement(
  bytes: Uint8Array,
  keys: readonly VerifierKey[] | ((statement: Statement) => readonly VerifierKey[]),
): OpenedStatement {
  const { statement, toBeSigned, signature } = parseSignedStatement(bytes);
  const { issuer, keyId } = statement;
  const offered = typeof keys === 'function' ? keys(statement) : keys;
  const named = offered.filter((k) => k.keyName === issuer && k.keyId === keyId && k.type === KEY_TYPE_ED25519);
  const name = `${quote(issuer)} with the ID ${formatKeyId(keyId)}`;
  if (named.length === 0)
    throw new SignerError('statement-key', `the statement is signed by ${name}, a key not known here`);
  // Two keys of one name may share their ID, which has only four bytes.
  const key = named.find(({ publicKey }) => verifyEd25519(publicKey, toBeSigned, signature));
  if (key === undefined) throw new SignerError('statement-signature', `the signature is not one by ${name}`);
  return { ...statement, key: { ...key, publicKey: new Uint8Array(key.publicKey) } };
}
