import { ReferencePrefixTree, SeededRandom } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IndexNode } from '../../src/log/index-node.ts';
import { IndexTree, type IndexVersion } from '../../src/log/index-tree.ts';
import { mapKey } from '../../src/log/map-key.ts';
import { EMPTY_PREFIX_ROOT } from '../../src/prefix/prefix-hash.ts';
import { type PrefixLeaf, verifyAbsence, verifyPresence } from '../../src/prefix/prefix-proof.ts';
import { distinctLeaves, turned } from '../prefix/support.ts';
import { expectCode } from './fixtures.ts';

/** A tree in a map, and all versions of it that were written. */
class Kept {
  readonly values = new Map<string, Uint8Array>();
  readonly roots = new Map<number, Uint8Array>();
  /** What each version replaced. */
  readonly replaced = new Map<number, readonly Uint8Array[]>();
  tree = new IndexTree(async (keys) => keys.map((key) => this.values.get(mapKey(key))));
  version: number | undefined;

  /** A version that was written; the newest by default. */
  at(version = this.version): IndexVersion | undefined {
    return version === undefined ? undefined : { version, root: this.roots.get(version)! };
  }

  /** Forgets what the tree keeps in memory. */
  reopen(): void {
    this.tree = new IndexTree(async (keys) => keys.map((key) => this.values.get(mapKey(key))));
  }

  async update(leaves: readonly PrefixLeaf[]): Promise<Uint8Array> {
    const next = (this.version ?? 0) + 7;
    const opened = await this.tree.open(
      this.at(),
      leaves.map(({ key }) => key),
    );
    const { root, written, replaced } = opened.update(next, leaves);
    for (const [key, value] of written) {
      expect(this.values.has(mapKey(key))).toBe(false);
      this.values.set(mapKey(key), value);
    }
    for (const key of replaced) expect(this.values.has(mapKey(key))).toBe(true);
    this.version = next;
    this.roots.set(next, root);
    this.replaced.set(next, replaced);
    return root;
  }
}

/** Leaves in parts of random sizes. */
function parts(leaves: readonly PrefixLeaf[], random: SeededRandom): PrefixLeaf[][] {
  const left = [...leaves];
  const found: PrefixLeaf[][] = [];
  while (left.length > 0) found.push(left.splice(0, 1 + random.below(left.length)));
  return found;
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0]!);
}

const hashOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

describe('a prefix tree in versions', () => {
  test('has the root and the proofs of the recursive definition, in whatever order and parts its keys come', async () => {
    await fc.assert(
      fc.asyncProperty(distinctLeaves(60), fc.integer(), async (leaves, seed) => {
        const random = new SeededRandom(seed);
        const reference = new ReferencePrefixTree(leaves);
        const kept = new Kept();
        for (const part of parts(shuffled(leaves, random), random)) {
          await kept.update(part);
          if (random.below(2) === 0) kept.reopen();
        }
        if (leaves.length === 0) return;
        const root = kept.roots.get(kept.version!)!;
        expect(root).toEqual(reference.root());
        expect((await kept.tree.root(kept.version!))!.hash()).toEqual(root);
        for (const { key, valueHash } of leaves) {
          const absent = turned(key, random.below(256));
          const opened = await kept.tree.open(kept.at(), [key, absent]);
          const proof = opened.prove(key);
          expect(proof).toEqual(reference.prove(key));
          verifyPresence({ root, key, valueHash, proof });
          expect(opened.get(key)).toMatchObject({ key, valueHash });
          expect(opened.prove(absent)).toEqual(reference.prove(absent));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('keeps every version as it was, until what replaced it is taken away', async () => {
    const random = new SeededRandom(1);
    const keys = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? new Uint8Array(32).fill(i) : random.bytes(32)));
    const kept = new Kept();
    const values = new Map<string, PrefixLeaf>();
    const snapshots: { version: number; reference: ReferencePrefixTree }[] = [];
    for (let i = 0; i < 20; i++) {
      const chosen = shuffled(keys, random).slice(0, 1 + random.below(12));
      const leaves = chosen.map((key) => ({ key, valueHash: random.bytes(32) }));
      for (const leaf of leaves) values.set(mapKey(leaf.key), leaf);
      await kept.update(leaves);
      snapshots.push({ version: kept.version!, reference: new ReferencePrefixTree([...values.values()]) });
    }
    const check = async (from: number): Promise<void> => {
      kept.reopen();
      for (const { version, reference } of snapshots.slice(from)) {
        const opened = await kept.tree.open(kept.at(version), keys);
        for (const key of keys) expect(opened.prove(key)).toEqual(reference.prove(key));
      }
    };
    await check(0);
    // What a version replaced is needed by those before it, and by none from it on.
    for (const [i, { version }] of snapshots.entries()) {
      for (const key of kept.replaced.get(version)!) expect(kept.values.delete(mapKey(key))).toBe(true);
      if (i % 5 === 4) await check(i);
    }
    kept.reopen();
    expect(await kept.tree.root(snapshots[0]!.version)).toBeUndefined();
  });

  test('tells keys apart that share 200 bits and more', async () => {
    const kept = new Kept();
    const key = new Uint8Array(32).fill(0xa5);
    const twins = [key, turned(key, 200), turned(key, 230), turned(key, 255)];
    const leaves = twins.map((twin, i) => ({ key: twin, valueHash: hashOf(i + 1) }));
    for (const leaf of leaves) await kept.update([leaf]);
    const root = kept.roots.get(kept.version!)!;
    const opened = await kept.tree.open(kept.at(), [...twins, turned(key, 254)]);
    for (const leaf of leaves) {
      const proof = opened.prove(leaf.key);
      verifyPresence({ root, ...leaf, proof });
      expect(proof).toEqual(new ReferencePrefixTree(leaves).prove(leaf.key));
      for (const other of leaves) {
        if (other === leaf) continue;
        expect(() => verifyPresence({ root, key: other.key, valueHash: leaf.valueHash, proof })).toThrow(
          'does not lead',
        );
        expect(() => verifyAbsence({ root, key: other.key, proof })).toThrow();
      }
    }
    verifyAbsence({ root, key: turned(key, 254), proof: opened.prove(turned(key, 254)) });
  });

  test('without keys is the empty tree, and writes its root all the same', async () => {
    const kept = new Kept();
    expect(await kept.update([])).toEqual(EMPTY_PREFIX_ROOT);
    expect(kept.values.size).toBe(1);
    const key = hashOf(1);
    const root = await kept.update([{ key, valueHash: hashOf(2) }]);
    expect(await kept.update([])).toEqual(root);
    expect((await kept.tree.open(kept.at(), [key])).get(key)).toMatchObject({ valueHash: hashOf(2) });
  });

  test('that lacks a node is damaged, and so is a node that is cut off', async () => {
    const kept = new Kept();
    const keys = [0x00, 0x01, 0x10, 0x11].map((first) => hashOf(9).with(0, first));
    await kept.update(keys.map((key) => ({ key, valueHash: hashOf(1) })));
    const [below] = [...kept.values.keys()].filter((name) => name.charCodeAt(2) === 1);
    const node = kept.values.get(below!)!;
    kept.reopen();
    kept.values.delete(below!);
    await expectCode(kept.tree.open(kept.at(), keys), 'log-corrupt');
    for (const bytes of [node.slice(1), node.slice(0, -1), new Uint8Array([...node, 0]), new Uint8Array()]) {
      kept.values.set(below!, bytes);
      kept.reopen();
      await expectCode(kept.tree.open(kept.at(), keys), 'log-corrupt');
    }
    expect(IndexNode.decode(node).bytes).toEqual(node);
  });

  test('with another node than the one above it says is damaged, wherever that is', async () => {
    const kept = new Kept();
    const random = new SeededRandom(3);
    const keys = Array.from({ length: 60 }, () => random.bytes(32));
    await kept.update(keys.map((key) => ({ key, valueHash: hashOf(1) })));
    for (const [name, value] of kept.values) {
      for (const at of [value.length - 9, value.length - 1, 5]) {
        kept.values.set(name, value.with(at, value[at]! ^ 1));
        kept.reopen();
        const opened = kept.tree.open(kept.at(), keys);
        // The version of a record is not part of any hash: where it is wrong, nothing is found.
        if (at === value.length - 1)
          await opened.catch((error) => expect(error).toMatchObject({ code: 'log-corrupt' }));
        else await expectCode(opened, 'log-corrupt');
      }
      kept.values.set(name, value);
    }
  });

  test('with a leaf at another place of its node hides nothing, though the node has the same hash', async () => {
    const kept = new Kept();
    const [low, high] = [0x00, 0x80].map((first) => hashOf(9).with(0, first)) as [Uint8Array, Uint8Array];
    await kept.update([low, high].map((key) => ({ key, valueHash: hashOf(1) })));
    const [[name, value]] = [...kept.values] as [[string, Uint8Array]];
    // The masks of the leaves: one stands at place 0 and the other at 8, each alone in its half of the node.
    expect([...value.subarray(0, 4)]).toEqual([0x01, 0x01, 0, 0]);
    const moved = new Uint8Array([0x01, 0x02, ...value.subarray(2)]);
    expect(IndexNode.decode(moved).hash()).toEqual(kept.at()!.root);
    kept.values.set(name, moved);
    for (const key of [low, high, hashOf(9).with(0, 0x10)]) {
      kept.reopen();
      await expectCode(kept.tree.open(kept.at(), [key]), 'log-corrupt');
    }
  });
});
