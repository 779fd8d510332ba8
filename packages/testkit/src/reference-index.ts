import { createHash } from 'node:crypto';
import type { IndexMapping, StreamName } from '@vitrine/core';
import { ReferencePrefixTree } from './reference-prefix-tree.ts';

// Written straight from docs/index.md, with plain maps and a CBOR writer of its own, and no sharing with the code under test.

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

type Value = number | string | Uint8Array | readonly Value[];

/** RFC 8949, section 4.2.1, for numbers below 2^32. */
function cbor(value: Value): Buffer {
  if (typeof value === 'number') return head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
}

function head(major: number, n: number): Buffer {
  const type = major * 32;
  if (n < 24) return Buffer.of(type + n);
  if (n < 2 ** 8) return Buffer.of(type + 24, n);
  const bytes = Buffer.alloc(n < 2 ** 16 ? 3 : 5);
  bytes[0] = type + (n < 2 ** 16 ? 25 : 26);
  bytes.writeUIntBE(n, 1, bytes.length - 1);
  return bytes;
}

/** MTH over hashes that are leaves already. RFC 6962, section 2.1. */
export function treeOver(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Uint8Array.of(1), treeOver(leaves.slice(0, k)), treeOver(leaves.slice(k)));
}

interface Word {
  readonly issuer: string;
  readonly type: string;
  readonly newest: Uint8Array;
}

/** The index over a list of leaves. */
export class ReferenceIndex {
  /** Leaf indices of the statements of each stream, by {@link nameOf} it. */
  readonly streams: Map<string, { readonly name: StreamName; readonly indices: number[] }> = new Map();
  /** Everybody's newest word, by the subject in hex and then by who says what. */
  readonly subjects: Map<string, Map<string, Word>> = new Map();
  readonly #leaves: readonly Uint8Array[];

  /** @param entries all entries of the log before the index entry */
  constructor(entries: readonly Uint8Array[], mapping: IndexMapping) {
    this.#leaves = entries.map((entry) => sha256(Uint8Array.of(0), entry));
    entries.forEach((entry, index) => {
      const indexed = mapping(entry);
      if (indexed?.kind === 'stream') {
        const name = nameOf(indexed.stream);
        const found = this.streams.get(name) ?? { name: indexed.stream, indices: [] };
        found.indices.push(index);
        this.streams.set(name, found);
      } else if (indexed?.kind === 'subject') {
        const { subject, word } = indexed;
        const words = this.subjects.get(hex(subject)) ?? new Map<string, Word>();
        words.set(`${word.type} ${word.issuer}`, { ...word, newest: this.#leaves[index]! });
        this.subjects.set(hex(subject), words);
      }
    });
  }

  /** The leaf hashes of a stream's statements. */
  history(stream: StreamName): Uint8Array[] {
    return (this.streams.get(nameOf(stream))?.indices ?? []).map((index) => this.#leaves[index]!);
  }

  /** The prefix tree of all records. */
  tree(): ReferencePrefixTree {
    const streams = [...this.streams.values()].map(({ name }) => {
      const leaves = this.history(name);
      return { key: streamKeyOf(name), record: cbor([leaves.length, leaves.at(-1)!, treeOver(leaves)]) };
    });
    const subjects = [...this.subjects].map(([subject, words]) => {
      const elements = [...words.values()].map(({ issuer, type, newest }) => cbor([issuer, type, newest]));
      const record = Buffer.concat([head(4, elements.length), ...elements.sort(Buffer.compare)]);
      return { key: subjectKeyOf(Buffer.from(subject, 'hex')), record };
    });
    return new ReferencePrefixTree(
      [...streams, ...subjects].map(({ key, record }) => ({ key, valueHash: sha256(record) })),
    );
  }
}

/** A stream as the key of a map. */
export const nameOf = ({ type, issuer, stream }: StreamName): string => JSON.stringify([type, issuer, stream]);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function streamKeyOf({ type, issuer, stream }: StreamName): Uint8Array {
  return sha256(cbor(['stream', type, issuer, stream]));
}

export function subjectKeyOf(subject: Uint8Array): Uint8Array {
  return sha256(cbor(['subject', new Uint8Array(subject)]));
}
