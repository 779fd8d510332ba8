import type { Indexed, IndexMapping } from '@vitrine/core';
import { SignerError } from '../error.ts';
import { parseStatement } from './parse-statement.ts';
import type { Statement } from './statement.ts';

/**
 * What the index of a log of statements is derived by: a review or a withdrawal speaks of its subject, any other statement is
 * of a stream, and what does not parse as a statement is nothing. Signatures are not looked at, nor who is meant to read it.
 */
export const statementMapping: IndexMapping = (entry: Uint8Array): Indexed | undefined => {
  let statement: Statement;
  try {
    statement = parseStatement(entry);
  } catch (error) {
    if (error instanceof SignerError) return undefined;
    throw error;
  }
  return indexedAs(statement);
};

/** What a statement is to the index. */
export function indexedAs({ payload, issuer, stream }: Statement): Indexed {
  const { type } = payload;
  return type === 'review' || type === 'withdrawal'
    ? { kind: 'subject', subject: payload.subject, word: { issuer, type } }
    : { kind: 'stream', stream: { type, issuer, stream } };
}
