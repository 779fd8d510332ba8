import { type PrefixProof, PrefixTree } from '@vitrine/core';
import { HashList } from './hash-list.ts';
import { recordKey } from './record-proof.ts';

/**
 * The records of a signature database as a Merkle prefix tree: a set, so their order means nothing and a record counts
 * once. It keeps a hash of each, not the records; while it is made it needs room for about twice as many.
 */
export class RecordSet {
  /** How many of the records had been there already, and were left out. */
  readonly duplicates: number;
  readonly #tree: PrefixTree;

  private constructor(tree: PrefixTree, duplicates: number) {
    this.#tree = tree;
    this.duplicates = duplicates;
  }

  /** Reads all records, once. */
  static async from(records: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<RecordSet> {
    const list = new HashList();
    let read = 0;
    for await (const record of records) {
      list.push(recordKey(record));
      read++;
    }
    const keys = list.distinct();
    const tree = new PrefixTree({ keys, valueHashes: keys });
    return new RecordSet(tree, read - tree.count);
  }

  /** Root of the tree, 32 bytes. */
  get root(): Uint8Array {
    return this.#tree.root;
  }

  /** Distinct records. */
  get count(): number {
    return this.#tree.count;
  }

  has(record: Uint8Array): boolean {
    return this.#tree.get(recordKey(record)) !== undefined;
  }

  /** The proof that a record is in the set, or, if it is not, that it is not. About 100 hashes. */
  prove(record: Uint8Array): PrefixProof {
    return this.#tree.prove(recordKey(record));
  }
}
