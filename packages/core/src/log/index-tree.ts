import { compareBytes } from '../bytes/compare.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { PREFIX_KEY_SIZE } from '../prefix/prefix-hash.ts';
import type { PrefixLeaf, PrefixProof } from '../prefix/prefix-proof.ts';
import { nodeKey } from './index-keys.ts';
import { IndexNode, type LeafSlot, MAX_NODE_DEPTH, NODE_SLOTS, nibbleAt, type Slot } from './index-node.ts';
import { mapKey } from './map-key.ts';

/** Reads derived keys, as a store does. */
export type ReadDerived = (keys: readonly Uint8Array[]) => Promise<readonly (Uint8Array | undefined)[]>;

/** What an update writes, and what nobody needs any more who looks at no earlier version. */
export interface IndexUpdate {
  /** The root of the prefix tree. */
  readonly root: Uint8Array;
  readonly written: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
  readonly replaced: readonly Uint8Array[];
}

// A full node takes about 2 kB in memory. The upper nodes of a tree of some 100,000 keys.
const MAX_KEPT_NODES = 6_000;

const ROOT_PATH: Uint8Array = new Uint8Array(PREFIX_KEY_SIZE);

/**
 * A prefix tree in derived keys, in versions: each node says of those below it which version wrote them, so that a version
 * is read from its root down, and the next one writes only what it changes. The root is written by every version.
 */
export class IndexTree {
  readonly #read: ReadDerived;
  // By key, as text: nodes are never written again, so that none of them can be an old one.
  readonly #kept = new Map<string, IndexNode>();

  constructor(read: ReadDerived) {
    this.#read = read;
  }

  /** The root node of a version; undefined if the version was never written, or is gone. @throws CoreError `log-corrupt` */
  async root(version: number): Promise<IndexNode | undefined> {
    const [bytes] = await this.#read([nodeKey(ROOT_PATH, 0, version)]);
    return bytes && IndexNode.decode(bytes);
  }

  /**
   * The nodes of a version on the way to some keys.
   *
   * @param version undefined for the tree without keys, before the first version
   * @throws CoreError `log-corrupt` if a node is missing
   */
  async open(version: number | undefined, keys: readonly Uint8Array[]): Promise<OpenedIndexTree> {
    const nodes = new Map<string, IndexNode>();
    let wanted = new Map<string, { bytes: Uint8Array; keys: Uint8Array[] }>();
    if (version !== undefined) {
      const bytes = nodeKey(ROOT_PATH, 0, version);
      wanted.set(mapKey(bytes), { bytes, keys: [...keys] });
    }
    for (let depth = 0; wanted.size > 0; depth++) {
      await this.#load(wanted, nodes);
      const below: typeof wanted = new Map();
      for (const [name, { keys: towards }] of wanted) {
        const node = nodes.get(name)!;
        for (const key of towards) {
          const slot = node.slots[nibbleAt(key, depth)];
          if (slot?.kind !== 'subtree') continue;
          const bytes = nodeKey(key, depth + 1, slot.version);
          const found = below.get(mapKey(bytes));
          if (found === undefined) below.set(mapKey(bytes), { bytes, keys: [key] });
          else found.keys.push(key);
        }
      }
      if (depth === MAX_NODE_DEPTH && below.size > 0) throw damaged('goes on below its keys');
      wanted = below;
    }
    return new OpenedIndexTree(version, nodes, (key, node) => this.#keep(key, node));
  }

  async #load(wanted: ReadonlyMap<string, { bytes: Uint8Array }>, into: Map<string, IndexNode>): Promise<void> {
    const missing: [string, Uint8Array][] = [];
    for (const [name, { bytes }] of wanted) {
      const kept = this.#kept.get(name);
      if (kept === undefined) missing.push([name, bytes]);
      else into.set(name, kept);
    }
    if (missing.length === 0) return;
    const values = await this.#read(missing.map(([, bytes]) => bytes));
    missing.forEach(([name], i) => {
      const value = values[i];
      if (value === undefined) throw damaged('lacks a node');
      const node = IndexNode.decode(value);
      into.set(name, node);
      this.#keep(name, node);
    });
  }

  #keep(name: string, node: IndexNode): void {
    this.#kept.delete(name);
    if (this.#kept.size >= MAX_KEPT_NODES) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(name, node);
  }
}

/** The part of a tree that was asked for. */
export class OpenedIndexTree {
  readonly #version: number | undefined;
  readonly #nodes: ReadonlyMap<string, IndexNode>;
  readonly #keep: (name: string, node: IndexNode) => void;

  constructor(
    version: number | undefined,
    nodes: ReadonlyMap<string, IndexNode>,
    keep: (name: string, node: IndexNode) => void,
  ) {
    this.#version = version;
    this.#nodes = nodes;
    this.#keep = keep;
  }

  /** What the tree has under a key; undefined if it does not have the key. One of those that it was opened for. */
  get(key: Uint8Array): LeafSlot | undefined {
    let version = this.#version;
    for (let depth = 0; version !== undefined; depth++) {
      const slot: Slot | undefined = this.#node(nodeKey(key, depth, version)).slots[nibbleAt(key, depth)];
      if (slot?.kind === 'leaf') return equalBytes(slot.key, key) ? slot : undefined;
      version = slot?.version;
    }
    return undefined;
  }

  /** The proof that the tree has a key, or that it does not. One of those that it was opened for. */
  prove(key: Uint8Array): PrefixProof {
    const siblings: Uint8Array[] = [];
    let version = this.#version;
    for (let depth = 0; version !== undefined; depth++) {
      const way = this.#node(nodeKey(key, depth, version)).towards(nibbleAt(key, depth));
      for (const sibling of way.siblings) siblings.push(sibling.slice());
      if (way.end?.kind === 'leaf') {
        return { siblings, leaf: { key: way.end.key.slice(), valueHash: way.end.valueHash.slice() } };
      }
      version = way.end?.version;
    }
    return { siblings, leaf: null };
  }

  /**
   * The next version: the tree with new values for some keys, which it has or not.
   *
   * @param version larger than that of the tree
   * @param changes by key, each of those that it was opened for
   */
  update(version: number, changes: readonly PrefixLeaf[]): IndexUpdate {
    const leaves = changes
      .map(({ key, valueHash }): LeafSlot => ({ kind: 'leaf', key, valueHash, version }))
      .sort((a, b) => compareBytes(a.key, b.key));
    const written: [Uint8Array, Uint8Array][] = [];
    const replaced: Uint8Array[] = [];
    const write = (key: Uint8Array, depth: number, slots: readonly (Slot | undefined)[]): Uint8Array => {
      const node = new IndexNode(slots);
      const name = nodeKey(key, depth, version);
      written.push([name, node.encode()]);
      this.#keep(mapKey(name), node);
      return node.hash();
    };

    /** The slots of a node with `group` put into it: all of its keys pass through the node. */
    const changed = (
      before: readonly (Slot | undefined)[],
      depth: number,
      group: readonly LeafSlot[],
    ): (Slot | undefined)[] => {
      const slots = [...before];
      for (let start = 0; start < group.length; ) {
        const place = nibbleAt(group[start]!.key, depth);
        let end = start + 1;
        while (end < group.length && nibbleAt(group[end]!.key, depth) === place) end++;
        slots[place] = slotWith(slots[place], depth, group.slice(start, end));
        start = end;
      }
      return slots;
    };

    const slotWith = (slot: Slot | undefined, depth: number, group: readonly LeafSlot[]): Slot => {
      const key = group[0]!.key;
      if (slot?.kind === 'subtree') {
        const name = nodeKey(key, depth + 1, slot.version);
        replaced.push(name);
        const below = changed(this.#node(name).slots, depth + 1, group);
        return { kind: 'subtree', hash: write(key, depth + 1, below), version };
      }
      const isNew = slot !== undefined && !group.some((leaf) => equalBytes(leaf.key, slot.key));
      const all = isNew ? [...group, slot].sort((a, b) => compareBytes(a.key, b.key)) : group;
      if (all.length === 1) return all[0]!;
      return { kind: 'subtree', hash: write(key, depth + 1, changed(EMPTY_SLOTS, depth + 1, all)), version };
    };

    const old = this.#version === undefined ? undefined : nodeKey(ROOT_PATH, 0, this.#version);
    if (old !== undefined) replaced.push(old);
    const slots = changed(old === undefined ? EMPTY_SLOTS : this.#node(old).slots, 0, leaves);
    return { root: write(ROOT_PATH, 0, slots), written, replaced };
  }

  #node(name: Uint8Array): IndexNode {
    const node = this.#nodes.get(mapKey(name));
    if (node === undefined) throw new RangeError('the tree was not opened for this key');
    return node;
  }
}

const EMPTY_SLOTS: readonly undefined[] = new Array(NODE_SLOTS).fill(undefined);

const damaged = (what: string): CoreError =>
  new CoreError('log-corrupt', `the index ${what}: check the log with fsck, and derive its index again with reindex`);
