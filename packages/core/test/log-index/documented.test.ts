import { readFileSync } from 'node:fs';
import { ReferenceTree, treeOver } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { sha256 } from '#sha256';
import { verifyStream } from '../../src/log-index/index-claim.ts';
import { formatIndexEntry, verifyIndexInclusion } from '../../src/log-index/index-entry.ts';
import type { IndexMapping } from '../../src/log-index/index-mapping.ts';
import { formatStreamRecord, streamKey, streamPreimage } from '../../src/log-index/stream.ts';
import { formatSubjectRecord, subjectKey, subjectPreimage } from '../../src/log-index/subject.ts';
import { prefixRoot } from '../../src/prefix/prefix-tree.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { IndexedTree, STREAM, utf8 } from './support.ts';

const page = readFileSync(new URL('../../../../docs/index.md', import.meta.url), 'utf8');
/** The hexadecimal figures of the worked example, in their order. */
const figures = page
  .split('## A worked example')[1]!
  .split('## Proofs')[0]!
  .split('```')
  .filter((_, i) => i % 2 === 1)
  .flatMap((block) => block.match(/\b(?:[0-9a-f]{2}){32,}\b/g)!);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const ENTRIES = ['one', 'two', 'three'].map(utf8);
const LEAVES = ENTRIES.map(leafHash);

describe('the worked example of docs/index.md', () => {
  test('is what the code computes', () => {
    const record = formatStreamRecord({ count: 2, last: LEAVES[1]!, root: treeOver(LEAVES.slice(0, 2)) });
    const words = formatSubjectRecord([{ issuer: 'csa.example', type: 'review', newest: LEAVES[2]! }]);
    const leaves = [
      { key: streamKey(STREAM), valueHash: sha256(record) },
      { key: subjectKey(LEAVES[1]!), valueHash: sha256(words) },
    ];
    const root = prefixRoot(leaves);
    const entry = formatIndexEntry({ size: 3, root });
    const computed = [
      ...LEAVES,
      streamPreimage(STREAM),
      streamKey(STREAM),
      record,
      sha256(record),
      subjectPreimage(LEAVES[1]!),
      subjectKey(LEAVES[1]!),
      words,
      sha256(words),
      ...leaves.map(({ key, valueHash }) => sha256(new Uint8Array([2, ...key, ...valueHash]))),
      root,
      entry,
      leafHash(entry),
      new ReferenceTree([...ENTRIES, entry]).root(4),
    ];
    expect(figures).toEqual(computed.map(hex));
  });

  test('is what the reference computes, and its proof is the one that is described', () => {
    const mapping: IndexMapping = (entry) =>
      new TextDecoder().decode(entry) === 'three'
        ? { kind: 'subject', subject: LEAVES[1]!, word: { issuer: 'csa.example', type: 'review' } }
        : { kind: 'stream', stream: STREAM };
    const tree = new IndexedTree(ENTRIES, mapping);
    expect(hex(tree.indexRoot)).toBe(figures.at(-4));
    expect(hex(tree.root)).toBe(figures.at(-1));
    const { proof, record } = tree.stream();
    expect(proof.siblings.map(hex)).toEqual(['', '', figures.at(-5)]);
    verifyIndexInclusion({ size: 4, root: tree.root, indexRoot: tree.indexRoot, proof: tree.inclusion().inclusion });
    verifyStream({ indexRoot: tree.indexRoot, stream: STREAM, record, proof });
    const beta = tree.stream({ ...STREAM, stream: 'tool/beta' });
    verifyStream({ ...beta, record: null });
  });
});
