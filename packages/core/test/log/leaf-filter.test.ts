import { createHash } from 'node:crypto';
import { SeededRandom } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LeafFilter } from '../../src/log/leaf-filter.ts';
import { LeafTable } from '../../src/log/leaf-table.ts';

/** As random as leaf hashes are. */
const hashOf = (i: number): Uint8Array => new Uint8Array(createHash('sha256').update(`${i}`).digest());

// Few distinct bytes, so that words, blocks, bits and slots collide all the time.
const hashes = (maxLength: number): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.uint8Array({ minLength: 32, maxLength: 32, max: 3 }), { maxLength });

describe('the filter of leaves', () => {
  test('never denies a leaf that was added', () => {
    fc.assert(
      fc.property(hashes(200), fc.nat(40), (added, offset) => {
        const filter = new LeafFilter();
        for (const hash of added) filter.add(Uint8Array.of(...new Uint8Array(offset), ...hash), offset);
        return added.every((hash) => filter.mayHave(hash, 0));
      }),
    );
  });

  test('knows nothing when it is empty', () => {
    for (let i = 0; i < 100; i++) expect(new LeafFilter().mayHave(hashOf(i), 0)).toBe(false);
  });

  // The first part takes 65,536 leaves; with those of the second and third the filter is at its worst when they are full.
  test.for([1000, 65_536, 65_537, 200_000])(
    'of %i leaves denies none, and passes less than 3 in 100 others',
    (count) => {
      const filter = new LeafFilter();
      for (let i = 0; i < count; i++) filter.add(hashOf(i), 0);
      for (let i = 0; i < count; i++)
        if (!filter.mayHave(hashOf(i), 0)) expect.fail(`leaf ${i} of ${count} was denied`);
      const others = 20_000;
      let passed = 0;
      for (let i = 0; i < others; i++) if (filter.mayHave(hashOf(-1 - i), 0)) passed++;
      expect(passed / others).toBeLessThan(0.03);
    },
  );
});

describe('the table of leaves', () => {
  test('finds exactly what was added, at its position', () => {
    fc.assert(
      fc.property(hashes(100), hashes(20), fc.nat(0xffff), (all, others, seed) => {
        const distinct = [...new Map(all.map((hash) => [hash.join(), hash])).values()];
        const table = new LeafTable(Uint8Array.from(distinct.flatMap((hash) => [...hash])));
        const random = new SeededRandom(seed);
        const added = distinct.map((hash, position) => ({ hash, position, isAdded: random.below(3) > 0 }));
        for (const { position, isAdded } of added) if (isAdded) table.add(position);
        const positionOf = (hash: Uint8Array): number =>
          added.find((leaf) => leaf.isAdded && leaf.hash.join() === hash.join())?.position ?? -1;
        for (const hash of [...all, ...others]) expect(table.find(hash, 0)).toBe(positionOf(hash));
      }),
    );
  });
});
