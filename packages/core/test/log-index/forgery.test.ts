import { subjectKeyOf } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import { encodeCbor } from '../../src/cbor/cbor.ts';
import { ProofError } from '../../src/error.ts';
import { verifyHistory, verifyStream, verifyStreams, verifySubject } from '../../src/log-index/index-claim.ts';
import { formatIndexEntry, indexLeaf, verifyIndexInclusion } from '../../src/log-index/index-entry.ts';
import type { IndexMapping } from '../../src/log-index/index-mapping.ts';
import type { StreamProof, SubjectProof } from '../../src/log-index/index-proof.ts';
import { type VerifyIndexProofOptions, verifyIndexProof } from '../../src/log-index/verify-index-proof.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { IndexedTree, MAPPING, OTHER, STREAM, statement, utf8, word } from './support.ts';

const SUBJECT = leafHash(statement(0));

const ENTRIES = [
  statement(0),
  statement(0, OTHER),
  statement(1),
  word('review', 'csa1.example', SUBJECT),
  utf8('something else'),
  statement(2),
  word('withdrawal', 'acme.example', SUBJECT),
  statement(3),
  word('review', 'csa2.example', SUBJECT),
];

const LOG = new IndexedTree(ENTRIES);
/** The log as it was before its last few entries. */
const EARLIER = new IndexedTree(ENTRIES.slice(0, 4));
/** The log as a client sees it that was shown the earlier tree and then this one. */
const GROWN = new IndexedTree([...EARLIER.leaves, ...ENTRIES.slice(4)]);

const ABSENT = { ...STREAM, stream: 'tool/nightly' };

describe('an honest proof of what an index says', () => {
  test.each<[string, () => VerifyIndexProofOptions]>([
    ['of the newest statement', () => LOG.with(LOG.stream())],
    ['of all statements', () => LOG.with(LOG.history(0))],
    ['of the statements from one on', () => LOG.with(LOG.history(3))],
    ['of a stream with one statement', () => LOG.with(LOG.history(0, OTHER))],
    ['of an absence', () => LOG.with(LOG.stream(ABSENT))],
    ['of reviews and withdrawals', () => LOG.with(LOG.subject(SUBJECT))],
    ['that nobody has said anything', () => LOG.with(LOG.subject(leafHash(statement(1))))],
    ['of all streams', () => LOG.with(LOG.streams())],
    ['of the newest in a tree with earlier index entries', () => GROWN.with(GROWN.stream())],
  ])('verifies: %s', (_, options) => {
    verifyIndexProof(options());
  });
});

/** What is refused, and the part of the message that tells by which check. */
type Forgery = [what: string, message: string, options: () => VerifyIndexProofOptions];

const stream = (changes: Partial<StreamProof>): VerifyIndexProofOptions => LOG.with({ ...LOG.stream(), ...changes });
const subject = (changes: Partial<SubjectProof>): VerifyIndexProofOptions =>
  LOG.with({ ...LOG.subject(SUBJECT), ...changes });

const record = LOG.streamRecord(STREAM)!;
const words = LOG.subjectRecord(SUBJECT)!;
const history = LOG.history(1);

/** An index that says of `entry` what is not so. */
const lying =
  (of: Uint8Array, says: Uint8Array): IndexMapping =>
  (entry) =>
    MAPPING(Buffer.compare(entry, of) === 0 ? says : entry);

const FORGERIES: Forgery[] = [
  // An older statement passed as the newest.
  ['an older statement', 'not the newest statement', () => stream({ entries: [statement(2)] })],
  ['no statement', 'not the newest statement', () => stream({ entries: [] })],
  ['the newest with another', 'not the newest statement', () => stream({ entries: [statement(3), statement(2)] })],
  [
    'the record of an earlier index',
    'another record',
    () => stream({ record: EARLIER.streamRecord(STREAM), entries: [statement(1)] }),
  ],
  ['the proof of an earlier index, with its root', 'another hash than the root', () => GROWN.with(EARLIER.stream())],
  [
    'the proof of an earlier index',
    'another record',
    () => stream({ ...EARLIER.stream(), indexRoot: LOG.indexRoot, record }),
  ],

  // A record with something changed.
  ['a record with another count', 'another record', () => stream({ record: { ...record, count: 5 } })],
  [
    'a record with another newest',
    'another record',
    () => stream({ record: { ...record, last: leafHash(statement(2)) } }),
  ],
  ['a record with another root', 'another record', () => stream({ record: { ...record, root: record.last } })],

  // A review, a rejection or a withdrawal left out.
  [
    'a withdrawal left out, of the record too',
    'another record',
    () =>
      subject({
        record: words.filter(({ type }) => type !== 'withdrawal'),
        entries: LOG.subject(SUBJECT).entries.filter(
          (entry) => !new TextDecoder().decode(entry).startsWith('withdrawal'),
        ),
      }),
  ],
  [
    'a withdrawal left out, not of the record',
    'names 3 statements',
    () => subject({ entries: LOG.subject(SUBJECT).entries.slice(1) }),
  ],
  ['reviews said not to be there', 'it is there', () => subject({ record: null, entries: [] })],
  [
    'another statement in place of a review',
    'entry 1 is not the one',
    () => subject({ entries: LOG.subject(SUBJECT).entries.with(1, statement(1)) }),
  ],
  [
    'statements in another order',
    'entry 0 is not the one',
    () => subject({ entries: LOG.subject(SUBJECT).entries.toReversed() }),
  ],
  ['the reviews of another leaf', 'does not lead to the key', () => subject({ subject: leafHash(statement(1)) })],
  [
    'a statement although nobody has said anything',
    'names 0 statements',
    () => LOG.with({ ...LOG.subject(leafHash(statement(1))), entries: [statement(0)] }),
  ],

  // A stream said to be absent.
  ['a stream said to be absent', 'it is there', () => stream({ record: null, entries: [] })],
  [
    'a stream said to be absent by the proof of another absence',
    'another root',
    () => stream({ record: null, entries: [], proof: { siblings: [], leaf: null } }),
  ],
  [
    'an absent stream with a statement',
    'comes with one',
    () => LOG.with({ ...LOG.stream(ABSENT), entries: [statement(1)] }),
  ],
  [
    'an absent stream with a history',
    'comes with one',
    () => LOG.with({ ...LOG.stream(ABSENT), history: { from: 0, before: [] } }),
  ],
  ['an absent stream said to be there', 'does not lead to the key', () => LOG.with({ ...LOG.stream(ABSENT), record })],

  // A proof for a neighbouring key.
  ['the proof of another stream', 'does not lead to the key', () => stream({ proof: LOG.stream(OTHER).proof })],
  [
    'the proof and record of another stream',
    'does not lead to the key',
    () => LOG.with({ ...LOG.stream(OTHER), stream: STREAM }),
  ],
  [
    'the stream of another issuer',
    'does not lead to the key',
    () => stream({ stream: { ...STREAM, issuer: 'acme2.example' } }),
  ],
  ['the stream of another type', 'does not lead to the key', () => stream({ stream: { ...STREAM, type: 'source' } })],

  // The index entry of another size, or one that is not the last leaf.
  ['the root of an earlier index', 'another hash than the root', () => LOG.with(EARLIER.stream())],
  [
    'an index entry that is not the last leaf',
    'is its last entry',
    () => GROWN.with(EARLIER.stream(), GROWN.inclusion(EARLIER.size - 1)),
  ],
  [
    'a tree that ends with an earlier index entry',
    'another hash than the root',
    () => {
      const stale = new IndexedTree(ENTRIES, MAPPING, EARLIER.leaves.at(-1));
      return stale.with({ ...EARLIER.stream() });
    },
  ],
  [
    'a tree that ends with an index entry of another size',
    'another hash than the root',
    () => {
      const wrong = new IndexedTree(ENTRIES, MAPPING, formatIndexEntry({ size: 3, root: LOG.indexRoot }));
      return wrong.with(wrong.stream());
    },
  ],
  [
    'a tree that ends with something else than an index entry',
    'another hash than the root',
    () => {
      const without = new IndexedTree(ENTRIES, MAPPING, statement(9));
      return without.with(without.stream());
    },
  ],
  [
    'a tree of one leaf',
    'does not end with an index entry',
    () =>
      LOG.with(LOG.stream(), {
        size: 1,
        index: 0,
        inclusion: [],
        root: leafHash(formatIndexEntry({ size: 1, root: LOG.indexRoot })),
      }),
  ],

  // Leaf, node, record and index entry taken for one another.
  ['the root of the log as that of the index', 'another hash than the root', () => stream({ indexRoot: LOG.root })],
  [
    'a leaf of the log as the root of the index',
    'another hash than the root',
    () => stream({ indexRoot: LOG.tree.leafHash(LOG.size - 1) }),
  ],
  ["a subject's proof as a stream's", 'does not lead to the key', () => stream({ proof: LOG.subject(SUBJECT).proof })],
  [
    'a leaf of the prefix tree as a node of it',
    'the last sibling is empty',
    () => stream({ proof: { ...LOG.stream().proof, siblings: [...LOG.stream().proof.siblings, new Uint8Array(0)] } }),
  ],
  ['the index entry as a statement', 'not the newest statement', () => stream({ entries: [LOG.leaves.at(-1)!] })],

  // Histories.
  [
    'a history with a statement left out',
    'has 3 statements from position 1',
    () => LOG.with({ ...history, entries: history.entries.slice(1) }),
  ],
  [
    'a history that ends too early',
    'has 3 statements from position 1',
    () => LOG.with({ ...history, entries: history.entries.slice(0, -1) }),
  ],
  [
    'a history with one statement in place of another',
    'lead to another root',
    () => LOG.with({ ...history, entries: [statement(1), statement(8), statement(3)] }),
  ],
  [
    'a history in another order',
    'lead to another root',
    () => LOG.with({ ...history, entries: [statement(2), statement(1), statement(3)] }),
  ],
  [
    'a history with other statements before it',
    'lead to another root',
    () => LOG.with({ ...history, history: { from: 1, before: [leafHash(statement(7))] } }),
  ],
  [
    'a history that begins elsewhere',
    'has 2 statements from position 2',
    () => LOG.with({ ...history, history: { ...history.history!, from: 2 } }),
  ],
  [
    'a history with too many hashes before it',
    'make up 1 subtrees',
    () => LOG.with({ ...history, history: { from: 1, before: [leafHash(statement(0)), leafHash(statement(0))] } }),
  ],
  [
    'a history that begins behind the end',
    'none from position 4 on',
    () => LOG.with({ ...history, history: { from: 4, before: [record.root] }, entries: [] }),
  ],

  // What only a lying index says, which its own entries give away.
  [
    "another stream's statement as the newest",
    'is not of the stream',
    () => {
      const lie = new IndexedTree(ENTRIES, lying(statement(0, OTHER), statement(4)));
      const older = new IndexedTree([statement(1), statement(0, OTHER)], lying(statement(0, OTHER), statement(4)));
      verifyStream({ ...lie.stream() });
      return older.with(older.stream());
    },
  ],
  [
    "another stream's statement in the middle of a history",
    'is not of the stream',
    () => {
      const lie = new IndexedTree(
        [statement(0), statement(0, OTHER), statement(1)],
        lying(statement(0, OTHER), statement(4)),
      );
      return lie.with(lie.history(0));
    },
  ],
  [
    'what is no statement as the newest',
    'is not of the stream',
    () => {
      const lie = new IndexedTree([statement(0), utf8('something')], lying(utf8('something'), statement(4)));
      return lie.with(lie.stream());
    },
  ],
  [
    'a review of another leaf',
    'says something else',
    () => {
      const other = word('review', 'csa1.example', leafHash(statement(1)));
      const lie = new IndexedTree([statement(0), other], lying(other, word('review', 'csa1.example', SUBJECT)));
      return lie.with(lie.subject(SUBJECT));
    },
  ],
  [
    'a review by somebody else',
    'says something else',
    () => {
      const other = word('review', 'csa1.example', SUBJECT);
      const lie = new IndexedTree([statement(0), other], lying(other, word('review', 'csa2.example', SUBJECT)));
      return lie.with(lie.subject(SUBJECT));
    },
  ],
  [
    'a withdrawal as a review',
    'says something else',
    () => {
      const other = word('withdrawal', 'csa1.example', SUBJECT);
      const lie = new IndexedTree([statement(0), other], lying(other, word('review', 'csa1.example', SUBJECT)));
      return lie.with(lie.subject(SUBJECT));
    },
  ],
  [
    'a statement of a stream as a review',
    'says something else',
    () => {
      const lie = new IndexedTree(
        [statement(0), statement(1)],
        lying(statement(1), word('review', 'csa1.example', SUBJECT)),
      );
      return lie.with(lie.subject(SUBJECT));
    },
  ],

  // Lists of all streams.
  [
    'a list that lacks a stream',
    'another root',
    () => LOG.with({ ...LOG.streams(), streams: LOG.streams().streams.slice(1) }),
  ],
  ['a list that lacks a subject', 'another root', () => LOG.with({ ...LOG.streams(), subjects: [] })],
  [
    'a list with a stream twice',
    'out of order, or there twice',
    () => LOG.with({ ...LOG.streams(), streams: [...LOG.streams().streams, LOG.streams().streams[0]!] }),
  ],
  [
    'a list with a stream that is not there',
    'another root',
    () => LOG.with({ ...LOG.streams(), streams: [...LOG.streams().streams, { stream: ABSENT, record }] }),
  ],
  [
    'a list that hides a stream as a subject',
    'another root',
    () => {
      const { streams, subjects } = LOG.streams();
      const hidden = { subject: LOG.stream().proof.leaf!.key, valueHash: LOG.stream().proof.leaf!.valueHash };
      return LOG.with({ ...LOG.streams(), streams: streams.slice(1), subjects: [...subjects, hidden] });
    },
  ],
];

describe('a claim that cannot be one', () => {
  const leafHashes = history.entries.map(leafHash);
  const { from, before } = history.history!;
  const short = new Uint8Array(31);

  test.each<[string, () => void]>([
    ['a history from no position', () => verifyHistory({ record, from: Number.NaN, before, leafHashes })],
    ['a history from half a position', () => verifyHistory({ record, from: 1.5, before, leafHashes })],
    ['a history from a negative position', () => verifyHistory({ record, from: -1, before: [], leafHashes })],
    ['a history with too few hashes before it', () => verifyHistory({ record, from, before: [], leafHashes })],
    ['a history with a short hash before it', () => verifyHistory({ record, from, before: [short], leafHashes })],
    [
      'a history with a short leaf hash',
      () => verifyHistory({ record, from, before, leafHashes: leafHashes.with(1, short) }),
    ],
    ['a short subject', () => verifySubject({ ...LOG.subject(SUBJECT), subject: short })],
    ['a short root of streams', () => verifyStreams({ ...LOG.streams(), indexRoot: short })],
    [
      'a short subject among streams',
      () => verifyStreams({ ...LOG.streams(), subjects: [{ subject: short, valueHash: SUBJECT }] }),
    ],
    [
      'a short hash of a record',
      () => verifyStreams({ ...LOG.streams(), subjects: [{ subject: SUBJECT, valueHash: short }] }),
    ],
    ['streams out of order', () => verifyStreams({ ...LOG.streams(), streams: LOG.streams().streams.toReversed() })],
    ['a name that is no text', () => verifyStream({ ...LOG.stream(), stream: { ...STREAM, issuer: '\ud800' } })],
    ['a short root of the index', () => void indexLeaf({ size: 3, indexRoot: short })],
    ['an index in half a tree', () => void indexLeaf({ size: 2.5, indexRoot: SUBJECT })],
  ])('is refused: %s', (_, verify) => {
    expect(verify).toThrow(ProofError);
  });
});

describe('a forged proof of what an index says', () => {
  test.each(FORGERIES)('is refused: %s', (_, message, options) => {
    let error: unknown;
    try {
      verifyIndexProof(options());
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ProofError);
    expect((error as ProofError).message).toContain(message);
  });

  test('a stream and a subject never have one key, whatever they are called', () => {
    // The two preimages are arrays of another length, and a stream has no bytes in it.
    expect(subjectKeyOf(SUBJECT)).not.toEqual(LOG.stream().proof.leaf!.key);
    expect(encodeCbor(['subject', SUBJECT])).not.toEqual(encodeCbor(['stream', 'subject', '', '']));
  });

  test('a record whose own root has another newest statement is refused', () => {
    const leafHashes = [0, 1, 2, 3].map((n) => leafHash(statement(n)));
    const false1 = { ...record, last: leafHashes[2]! };
    expect(() => verifyHistory({ record: false1, from: 0, before: [], leafHashes })).toThrow(
      'another newest statement',
    );
  });

  test('an index entry proven at another place is refused', () => {
    const { inclusion: proof } = GROWN.inclusion(EARLIER.size - 1);
    expect(() =>
      verifyIndexInclusion({ size: GROWN.size, root: GROWN.root, indexRoot: EARLIER.indexRoot, proof }),
    ).toThrow(ProofError);
    expect(indexLeaf({ size: GROWN.size, indexRoot: GROWN.indexRoot })).toEqual({
      index: GROWN.size - 1,
      leafHash: GROWN.tree.leafHash(GROWN.size - 1),
    });
  });
});
