import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SignerError } from '../../src/error.ts';
import { formatStatementProof, isStatementProof, parseStatementProof } from '../../src/proof/statement-proof.ts';
import { mutations, RUNS } from '../statement/arbitraries.ts';
import { PROOFS, proofOf } from './examples.ts';

it('proofs about statements that were changed are refused cleanly, or written again in the same bytes', () => {
  fc.assert(
    fc.property(mutations(PROOFS.map(proofOf)), (bytes) => {
      let proof: ReturnType<typeof parseStatementProof>;
      try {
        proof = parseStatementProof(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(SignerError);
        return;
      }
      expect(formatStatementProof(proof)).toEqual(bytes);
      expect(isStatementProof(bytes)).toBe(true);
    }),
    { numRuns: RUNS },
  );
});
