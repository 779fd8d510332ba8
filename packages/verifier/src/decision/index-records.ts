import { ProofError, type StreamRecord, verifyStream, verifySubject } from '@vitrine/core';
import type { Bundle, BundledSubject } from '../bundle/bundle.ts';
import { Refusal } from '../refusal.ts';
import { type FoundStatement, streamNameOf } from './statements.ts';

/** What the index says of the release's stream. @throws Refusal `index-wrong` */
export function streamRecord(
  { indexRoot, stream: { record, proof } }: Bundle,
  { statement }: FoundStatement,
): StreamRecord {
  againstIndex(() => verifyStream({ indexRoot, stream: streamNameOf(statement), record, proof }));
  return record;
}

/** What the index says of a release or a source. @throws Refusal `index-wrong` */
export function subjectRecord(
  { indexRoot }: Bundle,
  subject: Uint8Array,
  { record, proof }: BundledSubject,
): BundledSubject['record'] {
  againstIndex(() => verifySubject({ indexRoot, subject, record, proof }));
  return record;
}

function againstIndex(verify: () => void): void {
  try {
    verify();
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    throw new Refusal('index-wrong', `the index of the log does not say what the bundle claims: ${error.message}`, {
      cause: error,
    });
  }
}
