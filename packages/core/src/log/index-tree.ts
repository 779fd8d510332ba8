import { compareBytes } from '../bytes/compare.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { PREFIX_KEY_SIZE } from '../prefix/prefix-hash.ts';
import type { PrefixLeaf, PrefixProof } from '../prefix/prefix-proof.ts';
import { nodeKey } from './index-keys.ts';
import { IndexNode, type LeafSlot, MAX_NODE_DEPTH, nibbleAt, type Slot } from './index-node.ts';
import { mapKey } from './map-key.ts';

/** Reads derived keys, as a store does. */
export type ReadDerived = (keys: readonly Uint8Array[]) => Promise<readonly (Uint8Array | undefined)[]>;

/** A version of a tree. */
export interface IndexVersion {
  readonly version: number;
  /** The root of the prefix tree. */
  readonly root: Uint8Array;
}

/** What an update writes, and what nobody needs any more who looks at no earlier version. */
export interface IndexUpdate {
  /** The root of the prefix tree. */
  readonly root: Uint8Array;
  readonly written: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
  readonly replaced: readonly Uint8Array[];
}

// A node takes up to 700 bytes, and most take less.
const MAX_KEPT_NODES = 20_000;

const ROOT_PATH: Uint8Array = new Uint8Array(PREFIX_KEY_SIZE);

/** A node that was read, with those below it that were. */
interface OpenedNode {
  readonly node: IndexNode;
  /** By place. */
  readonly below: Map<number, OpenedNode>;
}

/** A node to be read: the way to it, what it has to hash to, and which keys lead there. */
interface Wanted {
  readonly name: Uint8Array;
  readonly hash: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly into: (opened: OpenedNode) => void;
}

/**
 * A prefix tree in derived keys, in versions: each node says of those below it which version wrote them, so that a version
 * is read from its root down, and the next one writes only what it changes. The root is written by every version.
 */
export class IndexTree {
  readonly #read: ReadDerived;
  // By key: nodes are never written again, so that none of them can be an old one.
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
   * The nodes of a version on the way to some keys: one read for each level of them, each checked against the one above it.
   * Whoever builds on one that is damaged signs what it says.
   *
   * @param at the version, and the root that it has; undefined for the tree without keys, before the first version
   * @throws CoreError `log-corrupt` if a node is missing or another one
   */
  async open(at: IndexVersion | undefined, keys: readonly Uint8Array[]): Promise<OpenedIndexTree> {
    const sorted = keys.length < 2 ? keys : [...keys].sort(compareBytes);
    let root = NOTHING;
    let wanted: Wanted[] = [];
    if (at !== undefined) {
      const into = (opened: OpenedNode): void => {
        root = opened;
      };
      const name = nodeKey(ROOT_PATH, 0, at.version);
      wanted.push({ name, hash: at.root, start: 0, end: sorted.length, into });
    }
    for (let depth = 0; wanted.length > 0; depth++) {
      if (depth > MAX_NODE_DEPTH) throw damaged('goes on below its keys');
      const nodes = await this.#load(wanted, depth);
      const below: Wanted[] = [];
      for (const [i, { start, end, into }] of wanted.entries()) {
        const opened: OpenedNode = { node: nodes[i]!, below: new Map() };
        into(opened);
        for (let from = start; from < end; ) {
          const key = sorted[from]!;
          const place = nibbleAt(key, depth);
          let to = from + 1;
          while (to < end && nibbleAt(sorted[to]!, depth) === place) to++;
          const slot = opened.node.slot(place);
          if (slot?.kind === 'subtree') {
            const name = nodeKey(key, depth + 1, slot.version);
            const into = (child: OpenedNode): void => void opened.below.set(place, child);
            below.push({ name, hash: slot.hash, start: from, end: to, into });
          }
          from = to;
        }
      }
      wanted = below;
    }
    return new OpenedIndexTree(at?.version, root, (key, node) => this.#keep(key, node));
  }

  async #load(wanted: readonly Pick<Wanted, 'name' | 'hash'>[], depth: number): Promise<IndexNode[]> {
    const texts = wanted.map(({ name }) => mapKey(name));
    const kept = texts.map((text) => this.#kept.get(text));
    const missing = wanted.filter((_, i) => kept[i] === undefined).map(({ name }) => name);
    const values = missing.length === 0 ? [] : await this.#read(missing);
    let at = 0;
    return kept.map((node, i) => {
      // What is kept was checked, or written here.
      if (node !== undefined) return node;
      const value = values[at++];
      if (value === undefined) throw damaged('lacks a node');
      const read = IndexNode.decode(value);
      const isRight = equalBytes(read.hash(), wanted[i]!.hash) && read.isPlaced(depth);
      if (!isRight) throw damaged('has another node than the one above it says');
      this.#keep(texts[i]!, read);
      return read;
    });
  }

  #keep(name: string, node: IndexNode): void {
    if (this.#kept.size >= MAX_KEPT_NODES) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(name, node);
  }
}

/** The part of a tree that was asked for. */
export class OpenedIndexTree {
  readonly #version: number | undefined;
  readonly #root: OpenedNode;
  readonly #keep: (name: string, node: IndexNode) => void;

  constructor(version: number | undefined, root: OpenedNode, keep: (name: string, node: IndexNode) => void) {
    this.#version = version;
    this.#root = root;
    this.#keep = keep;
  }

  /** What the tree has under a key; undefined if it does not have the key. One of those that it was opened for. */
  get(key: Uint8Array): LeafSlot | undefined {
    let opened = this.#root;
    for (let depth = 0; ; depth++) {
      const place = nibbleAt(key, depth);
      const slot = opened.node.slot(place);
      if (slot?.kind !== 'subtree') return slot !== undefined && equalBytes(slot.key, key) ? slot : undefined;
      opened = openedAt(opened, place);
    }
  }

  /** The proof that the tree has a key, or that it does not. One of those that it was opened for. */
  prove(key: Uint8Array): PrefixProof {
    const siblings: Uint8Array[] = [];
    let opened = this.#root;
    for (let depth = 0; ; depth++) {
      const place = nibbleAt(key, depth);
      const way = opened.node.towards(place);
      siblings.push(...way.siblings);
      if (way.end === undefined) return { siblings, leaf: null };
      if (way.end.kind === 'leaf') return { siblings, leaf: { key: way.end.key, valueHash: way.end.valueHash } };
      opened = openedAt(opened, place);
    }
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
      .sort(byKey);
    const update = new Update(version, this.#keep);
    const root = update.node(ROOT_PATH, 0, this.#version, this.#root, { leaves, start: 0, end: leaves.length });
    return { root, written: update.written, replaced: update.replaced };
  }
}

/** What one version of a tree writes. */
class Update {
  readonly written: [Uint8Array, Uint8Array][] = [];
  readonly replaced: Uint8Array[] = [];
  readonly #version: number;
  readonly #keep: (name: string, node: IndexNode) => void;

  constructor(version: number, keep: (name: string, node: IndexNode) => void) {
    this.#version = version;
    this.#keep = keep;
  }

  /**
   * Writes a node anew, with leaves put below it.
   *
   * @param path a key below the node
   * @param before the version that wrote the node as it was; undefined if there was none
   * @param group all of them lead to the node
   * @returns the hash of all that is below it
   */
  node(
    path: Uint8Array,
    depth: number,
    before: number | undefined,
    { node, below }: OpenedNode,
    { leaves, start, end }: Leaves,
  ): Uint8Array {
    if (before !== undefined) this.replaced.push(nodeKey(path, depth, before));
    const slots = new Map<number, Slot>();
    for (let from = start; from < end; ) {
      const place = nibbleAt(leaves[from]!.key, depth);
      let to = from + 1;
      while (to < end && nibbleAt(leaves[to]!.key, depth) === place) to++;
      slots.set(place, this.#slot(node.slot(place), depth + 1, below.get(place), { leaves, start: from, end: to }));
      from = to;
    }
    const next = node.with(slots);
    const name = nodeKey(path, depth, this.#version);
    this.written.push([name, next.bytes]);
    this.#keep(mapKey(name), next);
    return next.hash();
  }

  /** What stands at a place once leaves were put there, of which there is at least one. */
  #slot(slot: Slot | undefined, depth: number, below: OpenedNode | undefined, group: Leaves): Slot {
    const first = group.leaves[group.start]!;
    if (slot?.kind === 'subtree') {
      if (below === undefined) throw notOpened();
      return { kind: 'subtree', hash: this.node(first.key, depth, slot.version, below, group), version: this.#version };
    }
    const { leaves, start, end } = slot === undefined ? group : withLeaf(group, slot);
    if (end - start === 1) return leaves[start]!;
    const hash = this.node(first.key, depth, undefined, NOTHING, { leaves, start, end });
    return { kind: 'subtree', hash, version: this.#version };
  }
}

/** Some of the leaves in a list that is in the order of their keys. */
interface Leaves {
  readonly leaves: readonly LeafSlot[];
  readonly start: number;
  readonly end: number;
}

/** The leaves with another one among them, unless one of them has its key. */
function withLeaf(group: Leaves, leaf: LeafSlot): Leaves {
  const some = group.leaves.slice(group.start, group.end);
  if (some.some(({ key }) => equalBytes(key, leaf.key))) return group;
  const leaves = [...some, leaf].sort(byKey);
  return { leaves, start: 0, end: leaves.length };
}

const NOTHING: OpenedNode = { node: IndexNode.EMPTY, below: new Map() };

const byKey = (a: LeafSlot, b: LeafSlot): number => compareBytes(a.key, b.key);

function openedAt({ below }: OpenedNode, place: number): OpenedNode {
  const found = below.get(place);
  if (found === undefined) throw notOpened();
  return found;
}

const notOpened = (): RangeError => new RangeError('the tree was not opened for this key');

const damaged = (what: string): CoreError =>
  new CoreError('log-corrupt', `the index ${what}: check the log with fsck, and derive its index again with reindex`);
