import {
  EMPTY_PREFIX_ROOT,
  type PrefixLeaf,
  type PrefixProof,
  PrefixTree,
  ProofError,
  prefixRoot,
  sha256,
  verifyAbsence,
  verifyPresence,
} from '@vitrine/core';
import { SeededRandom } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { refusal } from '../tree/support.ts';
import { distinctLeaves, flat, sorted, turned } from './support.ts';

const random = new SeededRandom(11);
const leaves = sorted(Array.from({ length: 60 }, () => ({ key: random.bytes(32), valueHash: random.bytes(32) })));
const tree = new PrefixTree(flat(leaves));
const { root } = tree;
const [{ key, valueHash }] = leaves as [PrefixLeaf];
const proof = tree.prove(key);
const EMPTY = new Uint8Array(0);

const leafHash = (leaf: PrefixLeaf): Uint8Array => sha256(Uint8Array.of(2, ...leaf.key, ...leaf.valueHash));
const node = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(Uint8Array.of(3, ...left, ...right));

/** Whether a proof shows that a key is there, that it is not, or nothing. */
function answer(key: Uint8Array, valueHash: Uint8Array, root: Uint8Array, proof: PrefixProof): string {
  const holds = (act: () => void): boolean => {
    try {
      act();
      return true;
    } catch (error) {
      if (error instanceof ProofError) return false;
      throw error;
    }
  };
  const present = holds(() => verifyPresence({ root, key, valueHash, proof }));
  const absent = holds(() => verifyAbsence({ root, key, proof }));
  if (present && absent) throw new Error('one proof says both');
  return present ? 'present' : absent ? 'absent' : 'nothing';
}

/** All that differs from a proof in one place. */
function* mutations(proof: PrefixProof, bit: number): Generator<PrefixProof> {
  const { siblings, leaf } = proof;
  for (let i = 0; i < siblings.length; i++) {
    yield { leaf, siblings: siblings.toSpliced(i, 1) };
    yield { leaf, siblings: siblings.toSpliced(i, 0, EMPTY) };
    yield { leaf, siblings: siblings.toSpliced(i, 0, EMPTY_PREFIX_ROOT) };
    if (siblings[i]!.length > 0) {
      yield { leaf, siblings: siblings.with(i, turned(siblings[i]!, bit)) };
      yield { leaf, siblings: siblings.with(i, EMPTY) };
    }
    yield { leaf, siblings: siblings.with(i, EMPTY_PREFIX_ROOT) };
    const next = siblings[i + 1];
    if (next !== undefined && `${next}` !== `${siblings[i]}`) {
      yield { leaf, siblings: siblings.with(i, next).with(i + 1, siblings[i]!) };
    }
  }
  yield { leaf, siblings: [...siblings, EMPTY] };
  yield { leaf, siblings: [...siblings, EMPTY_PREFIX_ROOT] };
  if (leaf !== null) {
    yield { siblings, leaf: null };
    yield { siblings, leaf: { ...leaf, key: turned(leaf.key, bit) } };
    yield { siblings, leaf: { ...leaf, valueHash: turned(leaf.valueHash, bit) } };
    yield { siblings, leaf: { key: leaf.valueHash, valueHash: leaf.key } };
  }
}

describe('proofs of a prefix tree', () => {
  test('hold for every key, there or not, and no change of one holds', () => {
    fc.assert(
      fc.property(
        distinctLeaves(8).filter((all) => all.length > 0),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (all, cut, bit) => {
          // Some of the keys are left out, so that keys are absent that look much like those that are there.
          const held = all.filter((_, i) => (cut >> i) % 2 === 0);
          const tree = new PrefixTree(flat(sorted(held)));
          for (const { key, valueHash } of all) {
            const proof = tree.prove(key);
            const expected = held.some((leaf) => leaf.key === key) ? 'present' : 'absent';
            expect(answer(key, valueHash, tree.root, proof)).toBe(expected);
            for (const mutated of mutations(proof, bit)) {
              expect(answer(key, valueHash, tree.root, mutated)).toBe('nothing');
            }
            expect(answer(key, turned(valueHash, bit), tree.root, proof)).not.toBe('present');
            expect(answer(key, valueHash, turned(tree.root, bit), proof)).toBe('nothing');
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('never disagree: whatever proof of one tree is offered for a key, the answer is the same or none', () => {
    fc.assert(
      fc.property(distinctLeaves(12), distinctLeaves(4), (held, others) => {
        const tree = new PrefixTree(flat(sorted(held)));
        const all = [...held, ...others];
        const proofs = all.map(({ key }) => tree.prove(key));
        for (const { key, valueHash } of all) {
          const truth = tree.get(key) === undefined ? 'absent' : 'present';
          for (const proof of proofs) expect(['nothing', truth]).toContain(answer(key, valueHash, tree.root, proof));
        }
      }),
    );
  });

  test('never disagree with one another in pieces of two proofs either', () => {
    fc.assert(
      fc.property(distinctLeaves(8), fc.nat(), (held, cut) => {
        const tree = new PrefixTree(flat(sorted(held)));
        const proofs = held.map(({ key }) => tree.prove(key));
        for (const { key, valueHash } of held) {
          for (const one of proofs) {
            for (const other of proofs) {
              const at = cut % (one.siblings.length + 1);
              const siblings = [...one.siblings.slice(0, at), ...other.siblings.slice(at)];
              for (const leaf of [null, one.leaf, other.leaf]) {
                expect(answer(key, valueHash, tree.root, { siblings, leaf })).not.toBe('absent');
              }
            }
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test('of every key refuse the key and the record of every neighbour', () => {
    for (const [i, { key, valueHash }] of leaves.entries()) {
      const proof = tree.prove(key);
      for (const neighbour of [leaves[i - 1], leaves[i + 1]].filter((leaf) => leaf !== undefined)) {
        expect(answer(neighbour.key, neighbour.valueHash, root, proof)).toBe('nothing');
        expect(answer(key, neighbour.valueHash, root, proof)).toBe('nothing');
        expect(answer(key, valueHash, root, tree.prove(neighbour.key))).toBe('nothing');
        expect(answer(key, valueHash, root, { ...proof, leaf: neighbour })).toBe('nothing');
        expect(answer(key, valueHash, root, { ...tree.prove(neighbour.key), leaf: proof.leaf })).toBe('nothing');
      }
    }
  });

  test('of a tree of two keys that differ in the last bit only have 256 siblings', () => {
    const pair = sorted([leaves[0]!, { key: turned(key, 255), valueHash: root }]);
    const tree = new PrefixTree(flat(pair));
    const proof = tree.prove(key);
    expect(proof.siblings).toHaveLength(256);
    verifyPresence({ root: tree.root, key, valueHash, proof });
    expect(refusal(() => verifyAbsence({ root: tree.root, key, proof }))).toBe('proof-mismatch');
    const other = turned(key, 254);
    verifyAbsence({ root: tree.root, key: other, proof: tree.prove(other) });
    expect(tree.prove(other).siblings).toHaveLength(255);
  });

  test('of the empty tree are empty, and show the absence of anything', () => {
    verifyAbsence({ root: EMPTY_PREFIX_ROOT, key, proof: { siblings: [], leaf: null } });
    expect(refusal(() => verifyAbsence({ root, key, proof: { siblings: [], leaf: null } }))).toBe('proof-mismatch');
  });

  test('of a tree with one key show its presence and the absence of all others', () => {
    const root = prefixRoot([leaves[0]!]);
    const proof: PrefixProof = { siblings: [], leaf: leaves[0]! };
    verifyPresence({ root, key, valueHash, proof });
    for (const bit of [0, 1, 100, 255]) verifyAbsence({ root, key: turned(key, bit), proof });
    expect(refusal(() => verifyAbsence({ root, key, proof }))).toBe('proof-mismatch');
  });
});

describe('a proof of a prefix tree is refused', () => {
  const presence = { root, key, valueHash, proof };
  const absent = turned(key, 100);
  const absence = { root, key: absent, proof: tree.prove(absent) };

  test('for presence, if it shows absence, or is of another key, record or tree', () => {
    expect(refusal(() => verifyPresence({ ...presence, key: absent }))).toBe('proof-mismatch');
    expect(refusal(() => verifyPresence({ ...presence, valueHash: root }))).toBe('proof-mismatch');
    expect(refusal(() => verifyPresence({ ...presence, root: valueHash }))).toBe('proof-mismatch');
    const held = [leaves[0]!, leaves[59]!];
    const missing = turned(held[0]!.key, 1);
    const empty = new PrefixTree(flat(held)).prove(missing);
    expect(refusal(() => verifyPresence({ ...presence, root: prefixRoot(held), key: missing, proof: empty }))).toBe(
      'proof-mismatch',
    );
  });

  test('for absence, if it shows presence, or is of another key or tree', () => {
    expect(refusal(() => verifyAbsence(presence))).toBe('proof-mismatch');
    expect(refusal(() => verifyAbsence({ ...absence, key: turned(absent, 0) }))).toBe('proof-mismatch');
    expect(refusal(() => verifyAbsence({ ...absence, root: valueHash }))).toBe('proof-mismatch');
  });

  test('if the leaf that stands for absence is not on the way to the key', () => {
    // Whoever makes a root can put a leaf on a side where no tree has it, and the hashes then lead to that root.
    const [left, right] = [turned(new Uint8Array(32), 200), turned(new Uint8Array(32), 0)];
    const misplaced = { key: turned(right, 7), valueHash };
    const root = node(leafHash(misplaced), leafHash({ key: right, valueHash }));
    const proof = { siblings: [leafHash({ key: right, valueHash })], leaf: misplaced };
    expect(refusal(() => verifyAbsence({ root, key: left, proof }))).toBe('proof-mismatch');
  });

  test('if it has more siblings than a key has bits', () => {
    const long = { ...proof, siblings: new Array(257).fill(root) };
    expect(refusal(() => verifyPresence({ ...presence, proof: long }))).toBe('proof-length');
    expect(refusal(() => verifyAbsence({ ...absence, proof: long }))).toBe('proof-length');
    const nowhere = { siblings: new Array(256).fill(root), leaf: null };
    expect(refusal(() => verifyAbsence({ ...absence, proof: nowhere }))).toBe('proof-length');
  });

  test('if an empty side is written as 32 zero bytes', () => {
    // These lead to the root all the same: only the form is wrong.
    const alike = sorted([leaves[0]!, { key: turned(key, 4), valueHash }]);
    const root = prefixRoot(alike);
    const good = new PrefixTree(flat(alike)).prove(key);
    verifyPresence({ root, key, valueHash, proof: good });
    const siblings = good.siblings.with(0, EMPTY_PREFIX_ROOT);
    expect(refusal(() => verifyPresence({ root, key, valueHash, proof: { ...good, siblings } }))).toBe(
      'proof-malformed',
    );
    const other = turned(key, 2);
    const missing = new PrefixTree(flat(alike)).prove(other);
    verifyAbsence({ root, key: other, proof: missing });
    expect(
      refusal(() =>
        verifyAbsence({
          root,
          key: other,
          proof: { ...missing, siblings: missing.siblings.with(1, EMPTY_PREFIX_ROOT) },
        }),
      ),
    ).toBe('proof-malformed');
  });

  test('if its end stands alone in the subtree above it', () => {
    // A root that no tree has, made to fit.
    const lone = leafHash(leaves[0]!);
    const proof: PrefixProof = { siblings: [EMPTY], leaf: leaves[0]! };
    for (const root of [node(lone, EMPTY_PREFIX_ROOT), node(EMPTY_PREFIX_ROOT, lone)]) {
      expect(refusal(() => verifyPresence({ root, key, valueHash, proof }))).toBe('proof-malformed');
      expect(refusal(() => verifyAbsence({ root, key: turned(key, 200), proof }))).toBe('proof-malformed');
    }
    const nothing = node(EMPTY_PREFIX_ROOT, EMPTY_PREFIX_ROOT);
    expect(refusal(() => verifyAbsence({ root: nothing, key, proof: { siblings: [EMPTY], leaf: null } }))).toBe(
      'proof-malformed',
    );
  });

  test('if a hash in it has another length, or is no bytes at all', () => {
    const short = new Uint8Array(31);
    expect(refusal(() => verifyPresence({ ...presence, root: short }))).toBe('proof-malformed');
    expect(refusal(() => verifyPresence({ ...presence, key: short }))).toBe('proof-malformed');
    expect(refusal(() => verifyPresence({ ...presence, valueHash: short }))).toBe('proof-malformed');
    expect(refusal(() => verifyAbsence({ ...absence, root: short }))).toBe('proof-malformed');
    expect(refusal(() => verifyAbsence({ ...absence, key: short }))).toBe('proof-malformed');
    const siblings = proof.siblings.with(0, short);
    expect(refusal(() => verifyPresence({ ...presence, proof: { ...proof, siblings } }))).toBe('proof-malformed');
    const wrongKey = { ...proof, leaf: { key: new Uint8Array(33), valueHash } };
    expect(refusal(() => verifyAbsence({ ...absence, proof: wrongKey }))).toBe('proof-malformed');
    const wrongValue = { ...proof, leaf: { key, valueHash: short } };
    expect(refusal(() => verifyAbsence({ ...absence, proof: wrongValue }))).toBe('proof-malformed');
    const text = { ...proof, siblings: proof.siblings.with(0, '' as never) };
    expect(() => verifyPresence({ ...presence, proof: text })).toThrow(TypeError);
  });
});
