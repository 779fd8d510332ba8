import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { formatIndexEntry, indexEntryOf } from '../../src/log-index/index-entry.ts';
import { formatIndexProof, type IndexProof, parseIndexProof } from '../../src/log-index/index-proof.ts';
import { verifyIndexProof } from '../../src/log-index/verify-index-proof.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { IndexedTree, OTHER, statement, word } from './support.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

const SUBJECT = leafHash(statement(0));
const LOG = new IndexedTree([statement(0), statement(1), statement(0, OTHER), word('review', 'csa1.example', SUBJECT)]);
const PROOFS = [LOG.stream(), LOG.history(1), LOG.subject(SUBJECT), LOG.subject(new Uint8Array(32)), LOG.streams()];

/** Bytes with some of them changed, or cut off. */
const mutated = (valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(20))
    .map(([bytes, changes, cut]) => {
      const copy = bytes.slice();
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return cut === 0 ? copy.slice(0, copy.length / 2) : copy;
    });

test('no bytes give anything but an index proof that is written the same, or a refusal; and only what holds verifies', () => {
  const valid = PROOFS.map(formatIndexProof);
  const honest = new Set(valid.map((bytes) => Buffer.from(bytes).toString('hex')));
  fc.assert(
    fc.property(fc.oneof(mutated(valid), fc.uint8Array({ maxLength: 60 })), (bytes) => {
      let proof: IndexProof;
      try {
        proof = parseIndexProof(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CoreError);
        return;
      }
      expect(formatIndexProof(proof)).toEqual(bytes);
      try {
        verifyIndexProof(LOG.with(proof));
      } catch (error) {
        expect(error).toBeInstanceOf(CoreError);
        return;
      }
      // Others are absent as well, and shown to be by the same way.
      if (proof.type === 'subject' && proof.record === null) expect(LOG.subjectRecord(proof.subject)).toBeNull();
      else expect(honest).toContain(Buffer.from(bytes).toString('hex'));
    }),
    { numRuns: RUNS },
  );
});

test('no bytes give anything but an index entry that is written the same, or none', () => {
  const valid = [1, 300, 2 ** 40].map((size) => formatIndexEntry({ size, root: SUBJECT }));
  fc.assert(
    fc.property(fc.oneof(mutated(valid), fc.uint8Array({ maxLength: 70 })), (bytes) => {
      const found = indexEntryOf(bytes);
      if (found !== undefined) expect(formatIndexEntry(found)).toEqual(bytes);
    }),
    { numRuns: RUNS },
  );
});
