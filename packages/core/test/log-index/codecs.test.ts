import { describe, expect, test } from 'vitest';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/cbor/cbor.ts';
import { ProofError } from '../../src/error.ts';
import { formatIndexEntry, indexEntryOf } from '../../src/log-index/index-entry.ts';
import { formatIndexProof, type IndexProof, isIndexProof, parseIndexProof } from '../../src/log-index/index-proof.ts';
import { placeOf } from '../../src/log-index/place.ts';
import { streamRecordCodec } from '../../src/log-index/stream.ts';
import { formatSubjectRecord, parseSubjectRecord, subjectRecordCodec } from '../../src/log-index/subject.ts';
import { leafHash } from '../../src/tree/hash.ts';
import { IndexedTree, STREAM, statement, utf8, word } from './support.ts';

const ROOT = new Uint8Array(32).fill(7);
const map = (entries: Record<string, CborValue>): Uint8Array => encodeCbor(new Map(Object.entries(entries)));

describe('an index entry', () => {
  test.each([1, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER])(
    'of %i entries is read as it was written',
    (size) => {
      const entry = formatIndexEntry({ size, root: ROOT });
      expect(entry.length).toBeGreaterThanOrEqual(60);
      expect(entry.length).toBeLessThanOrEqual(68);
      expect(indexEntryOf(entry)).toEqual({ size, root: ROOT });
    },
  );

  test.each<[string, Uint8Array]>([
    ['of another version', map({ v: 2, type: 'index', size: 3, root: ROOT })],
    ['of another type', map({ v: 1, type: 'indey', size: 3, root: ROOT })],
    ['of no entries', map({ v: 1, type: 'index', size: 0, root: ROOT })],
    ['of a negative size', map({ v: 1, type: 'index', size: -1, root: ROOT })],
    ['with a size that is text', map({ v: 1, type: 'index', size: '3', root: ROOT })],
    ['with a root that is too short', map({ v: 1, type: 'index', size: 3, root: ROOT.slice(1) })],
    ['with a root that is text', map({ v: 1, type: 'index', size: 3, root: 'x'.repeat(32) })],
    ['with a field more', map({ v: 1, type: 'index', size: 3, root: ROOT, x: 1 })],
    ['with another field', map({ v: 1, type: 'index', size: 3, toor: ROOT })],
    ['with a field less', map({ v: 1, type: 'index', root: ROOT })],
    ['that is an array', encodeCbor([1, 'index', 3, ROOT])],
    ['with a byte behind it', new Uint8Array([...formatIndexEntry({ size: 3, root: ROOT }), 0])],
    ['that is cut off', formatIndexEntry({ size: 3, root: ROOT }).slice(0, -1)],
    ['that is empty', new Uint8Array()],
    ['that is a statement', utf8('something else')],
  ])('%s is none', (_, entry) => {
    expect(indexEntryOf(entry)).toBeUndefined();
  });

  test('in another encoding is none, whichever byte is changed', () => {
    const entry = formatIndexEntry({ size: 3, root: ROOT });
    // The size in two bytes, and the first two fields in the other order.
    const at = entry.indexOf(0x03, 40);
    expect(indexEntryOf(new Uint8Array([...entry.slice(0, at), 0x18, 3, ...entry.slice(at + 1)]))).toBeUndefined();
    expect(indexEntryOf(new Uint8Array([entry[0]!, ...entry.slice(4), ...entry.slice(1, 4)]))).toBeUndefined();
    for (let i = 0; i < entry.length; i++) {
      const changed = entry.with(i, entry[i]! ^ 0x41);
      const found = indexEntryOf(changed);
      if (found !== undefined) expect(formatIndexEntry(found)).toEqual(changed);
    }
  });

  test('is not made of what it cannot say', () => {
    for (const size of [0, -1, 1.5, 2 ** 53]) expect(() => formatIndexEntry({ size, root: ROOT })).toThrow(RangeError);
    expect(() => formatIndexEntry({ size: 1, root: ROOT.slice(1) })).toThrow(RangeError);
  });
});

describe('a record', () => {
  test.each<[string, CborValue]>([
    ['that is no array', 'x'],
    ['with an element less', [1, ROOT]],
    ['with an element more', [1, ROOT, ROOT, ROOT]],
    ['with a count of 0', [0, ROOT, ROOT]],
    ['with a count that is text', ['1', ROOT, ROOT]],
    ['with a short hash', [1, ROOT.slice(1), ROOT]],
    ['with a short root', [1, ROOT, ROOT.slice(1)]],
  ])('of a stream %s is refused', (_, value) => {
    expect(() => streamRecordCodec.read(value, placeOf('it'))).toThrow(ProofError);
  });

  test.each<[string, CborValue]>([
    ['that is no array', 1],
    ['that is empty', []],
    ['with an element that is no array', ['a.example']],
    ['with a word that is too short', [['a.example', 'review']]],
    ['with a type of another kind', [['a.example', 'source', ROOT]]],
    ['with an issuer that is no text', [[ROOT, 'review', ROOT]]],
    ['with a short hash', [['a.example', 'review', ROOT.slice(1)]]],
    [
      'out of order',
      [
        ['b.example', 'review', ROOT],
        ['a.example', 'review', ROOT],
      ],
    ],
    [
      'with an element twice',
      [
        ['a.example', 'review', ROOT],
        ['a.example', 'review', ROOT],
      ],
    ],
    [
      'with a word twice',
      [
        ['a.example', 'review', ROOT],
        ['a.example', 'review', new Uint8Array(32).fill(8)],
      ],
    ],
  ])('of a subject %s is refused', (_, value) => {
    expect(() => subjectRecordCodec.read(value, placeOf('it'))).toThrow(ProofError);
  });

  test('of a subject is sorted by its encoding, in which a longer issuer comes after a shorter one', () => {
    const record = formatSubjectRecord([
      { issuer: 'aaaa', type: 'withdrawal', newest: ROOT },
      { issuer: 'aaaa', type: 'review', newest: ROOT },
      { issuer: 'zz', type: 'review', newest: ROOT },
    ]);
    const read = parseSubjectRecord(record);
    expect(read.map(({ issuer, type }) => [issuer, type])).toEqual([
      ['zz', 'review'],
      ['aaaa', 'review'],
      ['aaaa', 'withdrawal'],
    ]);
    expect(formatSubjectRecord(read)).toEqual(record);
  });
});

describe('an index proof', () => {
  const SUBJECT = leafHash(statement(0));
  const LOG = new IndexedTree([statement(0), statement(1), word('review', 'csa1.example', SUBJECT)]);
  const PROOFS: [string, IndexProof][] = [
    ['of the newest', LOG.stream()],
    ['of an absence', LOG.stream({ ...STREAM, type: 'source' })],
    ['of a history', LOG.history(1)],
    ['of a subject', LOG.subject(SUBJECT)],
    ['that nobody has said anything', LOG.subject(ROOT)],
    ['of all streams', LOG.streams()],
  ];

  test.each(PROOFS)('%s is read as it was written', (_, proof) => {
    const bytes = formatIndexProof(proof);
    expect(isIndexProof(bytes)).toBe(true);
    expect(parseIndexProof(bytes)).toEqual(proof);
    expect(formatIndexProof(parseIndexProof(bytes))).toEqual(bytes);
  });

  const fields = (proof: IndexProof): Map<string, CborValue> =>
    decodeCbor(formatIndexProof(proof), 'a proof') as Map<string, CborValue>;
  const changed = (proof: IndexProof, changes: Record<string, CborValue | undefined>): Uint8Array => {
    const map = fields(proof);
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) map.delete(key);
      else map.set(key, value);
    }
    return encodeCbor(map);
  };
  const [stream, , history, subject, , streams] = PROOFS.map(([, proof]) => proof) as [
    IndexProof,
    IndexProof,
    IndexProof,
    IndexProof,
    IndexProof,
    IndexProof,
  ];

  test.each<[string, Uint8Array, string]>([
    ['of a later version', changed(stream, { v: 2 }), 'version'],
    ['of no version', changed(stream, { v: undefined }), 'index proof.v is not'],
    ['of an unknown type', changed(stream, { type: 'other' }), 'type'],
    ['of a type that every object has', changed(stream, { type: 'constructor' }), 'type'],
    ['with an entry that is too large', changed(stream, { entries: [new Uint8Array(65_536)] }), 'entries.0 is 1 to'],
    [
      'with more hashes of a history than a tree can have',
      changed(history, { history: [1, Array.from({ length: 64 }, () => ROOT)] }),
      'history.before has at most 63',
    ],
    ['without a root', changed(stream, { root: undefined }), 'root'],
    ['with a field more', changed(stream, { x: 1 }), 'no field'],
    ["with another type's field", changed(subject, { history: [0, []] }), 'no field'],
    ['of a stream without a name', changed(stream, { stream: undefined }), 'stream is missing'],
    [
      'of a stream with a name that is too short',
      changed(stream, { stream: ['a', 'b'] }),
      'stream is not an array of 3',
    ],
    ['of a stream with bytes in its name', changed(stream, { stream: ['a', 'b', ROOT] }), 'text'],
    ['of a stream without a record', changed(stream, { record: undefined }), 'record is missing'],
    ['without a proof', changed(stream, { proof: undefined }), 'proof is missing'],
    ['without entries', changed(stream, { entries: undefined }), 'entries is missing'],
    ['with an entry that is text', changed(stream, { entries: ['x'] }), 'entries.0 is not'],
    ['with a history that is too short', changed(history, { history: [1] }), 'history is not an array of 2'],
    ['with a history from a negative position', changed(history, { history: [-1, []] }), 'history.from is not'],
    [
      'with a history of short hashes',
      changed(history, { history: [1, [ROOT.slice(1)]] }),
      'history.before.0 is 32 bytes',
    ],
    ['of a subject that is no hash', changed(subject, { subject: ROOT.slice(1) }), 'subject'],
    ['of streams that are no array', changed(streams, { streams: 1 }), 'streams'],
    ['of subjects without hashes', changed(streams, { subjects: [[ROOT]] }), 'subject'],
    ['that is no map', encodeCbor([1]), 'map'],
    ['that is no CBOR', utf8('nonsense'), 'ends within'],
    ['that is too large', new Uint8Array(2 ** 20 + 1), 'at most'],
  ])('%s is refused', (_, bytes, message) => {
    let error: unknown;
    try {
      parseIndexProof(bytes);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ProofError);
    expect((error as Error).message).toContain(message);
  });

  test('that is larger than the extra data of a tlog-proof is not made', () => {
    const entries = Array.from({ length: 20 }, () => new Uint8Array(60_000));
    expect(() => formatIndexProof({ ...LOG.stream(), entries })).toThrow('at most 1048576 bytes');
  });

  test('is told apart from what is none', () => {
    for (const bytes of [
      utf8('x'),
      encodeCbor(1),
      map({ v: 1, type: 'file', statement: ROOT }),
      new Uint8Array(2 ** 21),
    ]) {
      expect(isIndexProof(bytes)).toBe(false);
    }
    // Of whatever version, so that the message says that it is a later one.
    expect(isIndexProof(changed(stream, { v: 9 }))).toBe(true);
  });
});
