import { equalBytes, formatKeyId, leafHash, type StreamName, type VerifierKey } from '@vitrine/core';
import { type OpenedStatement, openStatement, SignerError, type Statement } from '@vitrine/signer';
import type { Bundle, BundledStatement } from '../bundle/bundle.ts';
import { Refusal } from '../refusal.ts';
import type { TrustedIssuer } from '../trust/trust.ts';

/** A statement of a bundle with its leaf hash. */
interface HashedStatement extends BundledStatement {
  readonly leafHash: Uint8Array;
}

/** A bundle whose statements are hashed, once for all who look for one. */
export interface HashedBundle extends Bundle {
  readonly statements: readonly HashedStatement[];
}

/** Hashes the statements of a bundle. */
export function hashedBundle(bundle: Bundle): HashedBundle {
  const statements = bundle.statements.map((statement) => ({ ...statement, leafHash: leafHash(statement.entry) }));
  return { ...bundle, statements };
}

/** A statement of a bundle whose signature was verified, by somebody whom the agent trusts. */
export interface FoundStatement {
  readonly leaf: number;
  readonly leafHash: Uint8Array;
  readonly statement: OpenedStatement;
  readonly issuer: TrustedIssuer;
}

/** The statement of a bundle at a leaf, or with a leaf hash. */
export function statementIn(
  { statements }: HashedBundle,
  where: { readonly leaf: number } | { readonly leafHash: Uint8Array },
): HashedStatement | undefined {
  return statements.find(({ index, leafHash: found }) =>
    'leaf' in where ? index === where.leaf : equalBytes(found, where.leafHash),
  );
}

/**
 * Verifies that a statement is signed by one of these issuers, with a key that still counted where it stands, for this log.
 *
 * @throws Refusal `statement-unreadable`, `signer-unknown`, `signer-ended`, `statement-forged`, `statement-audience`
 */
export function openBundled(
  { index: leaf, entry, leafHash }: HashedStatement,
  issuers: readonly TrustedIssuer[],
  origin: string,
): FoundStatement {
  let issuer: TrustedIssuer | undefined;
  const statement = opened(entry, leaf, (claimed) => {
    issuer = issuers.find((one) => one.issuer === claimed.issuer);
    return countingKeys(issuer, claimed, leaf);
  });
  if (statement.audience !== origin) {
    throw new Refusal(
      'statement-audience',
      `leaf ${leaf} is meant for the log ${statement.audience}, and stands in ${origin}`,
    );
  }
  return { leaf, leafHash, statement, issuer: issuer! };
}

/** The keys that may have signed a statement at a leaf. @throws Refusal `signer-unknown`, `signer-ended` */
function countingKeys(
  issuer: TrustedIssuer | undefined,
  { issuer: claimed, keyId }: Statement,
  leaf: number,
): readonly VerifierKey[] {
  const named = issuer?.keys.filter(({ key }) => key.keyId === keyId) ?? [];
  const name = `${claimed}+${formatKeyId(keyId)}`;
  if (named.length === 0) {
    throw new Refusal(
      'signer-unknown',
      `leaf ${leaf} is signed by ${name}, which the trust file does not have for that`,
    );
  }
  const counting = named.filter(({ below }) => below === undefined || leaf < below);
  if (counting.length === 0) {
    throw new Refusal(
      'signer-ended',
      `leaf ${leaf} is signed by ${name}, whose statements count below leaf ${named[0]!.below} only`,
    );
  }
  return counting.map(({ key }) => key);
}

function opened(
  entry: Uint8Array,
  leaf: number,
  keys: (statement: Statement) => readonly VerifierKey[],
): OpenedStatement {
  try {
    return openStatement(entry, keys);
  } catch (error) {
    if (!(error instanceof SignerError)) throw error;
    const code = error.code === 'statement-signature' ? 'statement-forged' : 'statement-unreadable';
    throw new Refusal(code, `leaf ${leaf}: ${error.message}`, { cause: error });
  }
}

/** The stream of a statement as the index names it. */
export function streamNameOf({ payload: { type }, issuer, stream }: Statement): StreamName {
  return { type, issuer, stream };
}
