import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import {
  formatStatementProof,
  isStatementProof,
  MAX_STATEMENT_PROOF_SIZE,
  parseStatementProof,
  type StatementProof,
} from '../../src/proof/statement-proof.ts';
import { verifyRecord } from '../../src/record-set/record-proof.ts';
import { verifyFileProof } from '../../src/source-tree/file-proof.ts';
import { changed, concat, hex, OTHER_MAPS } from '../statement/forge.ts';
import { ABSENT, PROOFS, proofOf, RECORDS, SOURCE, TREE } from './examples.ts';

const [FILE, PRESENT, ABSENCE, , DOCUMENT] = PROOFS as [
  StatementProof & { type: 'file' },
  StatementProof & { type: 'record' },
  StatementProof & { type: 'record' },
  StatementProof,
  StatementProof & { type: 'document' },
];
const mapOf = (proof: StatementProof): CborMap => decodeCbor(proofOf(proof), 'the proof') as CborMap;
const refusal = (message: RegExp) =>
  expect.objectContaining({
    name: 'SignerError',
    code: 'statement-proof-malformed',
    message: expect.stringMatching(message),
  });

describe('a proof about a statement', () => {
  test.each(PROOFS)('of the type $type is read as it was written', (proof) => {
    expect(parseStatementProof(proofOf(proof))).toEqual(proof);
    expect(isStatementProof(proofOf(proof))).toBe(true);
  });

  test('says the version first', () => {
    for (const proof of PROOFS) expect(mapOf(proof).get('v')).toBe(1);
  });

  test('still proves what it did after it was carried', () => {
    const file = parseStatementProof(proofOf(FILE)) as typeof FILE;
    expect(new TextDecoder().decode(verifyFileProof({ tree: SOURCE.tree, file: file.file }).path)).toBe('parse.c');
    for (const { proof, present } of [PRESENT, ABSENCE].map((p) => parseStatementProof(proofOf(p)) as typeof PRESENT)) {
      verifyRecord({ root: TREE.root, record: present ? RECORDS[0]! : ABSENT[0]!, present, proof });
    }
  });

  for (const [what, other] of Object.entries(OTHER_MAPS)) {
    test(`is refused with ${what}`, () => {
      for (const proof of PROOFS) {
        expect(() => parseStatementProof(other(mapOf(proof)))).toThrow(refusal(/^statement proof /));
      }
    });
  }

  const change = (proof: StatementProof, key: string, value: CborValue | undefined) =>
    encodeCbor(changed(mapOf(proof), [[key, value]]));
  const file = mapOf(FILE).get('file') as CborMap;
  const inFile = (key: string, value: CborValue | undefined) => change(FILE, 'file', changed(file, [[key, value]]));
  const hash = new Uint8Array(32);

  test.each([
    ['nothing', new Uint8Array(), /^statement proof /],
    ['an array', hex('80'), /^statement proof is not a map/],
    ['an empty map', hex('a0'), /^statement proof\.v is not/],
    ['no version', change(DOCUMENT, 'v', undefined), /^statement proof\.v is not/],
    ['version 0', change(DOCUMENT, 'v', 0), /^statement proof\.v is not/],
    ['a version that is text', change(DOCUMENT, 'v', '1'), /^statement proof\.v is not/],
    ['no type', change(DOCUMENT, 'type', undefined), /^statement proof\.type is not/],
    ['another type', change(DOCUMENT, 'type', 'build'), /^statement proof\.type is not/],
    ['a type of every object', change(DOCUMENT, 'type', 'toString'), /^statement proof\.type is not/],
    ['the type of another proof', change(DOCUMENT, 'type', 'record'), /^statement proof has no field "key"/],
    ['no statement', change(DOCUMENT, 'statement', undefined), /^statement proof\.statement is missing/],
    ['an empty statement', change(DOCUMENT, 'statement', new Uint8Array()), /^statement proof\.statement is 1 to/],
    ['a large statement', change(DOCUMENT, 'statement', new Uint8Array(65_536)), /^statement proof\.statement is 1 to/],
    ['another field', change(DOCUMENT, 'note', 'x'), /^statement proof has no field "note"/],
    ['a key of 31 bytes', change(DOCUMENT, 'key', new Uint8Array(31)), /^statement proof\.key is 32 bytes, found 31/],
    ['no key', change(DOCUMENT, 'key', undefined), /^statement proof\.key is missing/],
    ['no file', change(FILE, 'file', undefined), /^statement proof\.file is missing/],
    ['an empty line', inFile('line', new Uint8Array()), /^statement proof\.file\.line is 1 to/],
    ['a line as text', inFile('line', 'x'), /^statement proof\.file\.line is not a byte string/],
    ['a negative index', inFile('index', -1), /^statement proof\.file\.index is not/],
    ['a tree without files', inFile('files', 0), /^statement proof\.file\.files is not/],
    ['64 hashes', inFile('proof', new Array(64).fill(hash)), /^statement proof\.file\.proof has at most 63, found 64/],
    ['a hash of 31 bytes', inFile('proof', [hash.subarray(1)]), /^statement proof\.file\.proof\.0 is 32 bytes/],
    ['presence that is a number', change(PRESENT, 'present', 1), /^statement proof\.present is not a boolean/],
    ['no presence', change(PRESENT, 'present', undefined), /^statement proof\.present is missing/],
    ['a record proof that is a map', change(PRESENT, 'proof', new Map()), /^statement proof\.proof is malformed/],
    [
      'siblings of 31 bytes',
      change(PRESENT, 'proof', [[hash.subarray(1)], null]),
      /^statement proof\.proof is malformed/,
    ],
    [
      '257 siblings',
      change(PRESENT, 'proof', [new Array(257).fill(hash), null]),
      /^statement proof\.proof is malformed/,
    ],
  ] as const)('is refused with %s', (_, bytes, reason) => {
    expect(() => parseStatementProof(bytes)).toThrow(refusal(reason));
  });

  test('of a later version is refused by its version, whatever is in it', () => {
    const newer = encodeCbor(
      new Map<string, CborValue>([
        ['v', 2],
        ['type', 'zip'],
        ['statement', hash],
        ['x', 1],
      ]),
    );
    expect(() => parseStatementProof(newer)).toThrow(
      expect.objectContaining({ code: 'statement-newer', message: expect.stringContaining('found 2') }),
    );
    expect(isStatementProof(newer)).toBe(true);
  });

  test('is not larger than the extra data of a tlog-proof', () => {
    expect(() => parseStatementProof(new Uint8Array(MAX_STATEMENT_PROOF_SIZE + 1))).toThrow(refusal(/at most$/));
  });

  test('is not written in a form that would not be read', () => {
    const bad: [unknown, RegExp][] = [
      [{ ...DOCUMENT, key: new Uint8Array(31) }, /key is 32 bytes/],
      [{ ...DOCUMENT, v: 2 }, /v is not 1/],
      [{ ...DOCUMENT, type: 'zip' }, /type is not/],
      [{ ...DOCUMENT, statement: undefined }, /statement is missing/],
      [{ ...PRESENT, proof: { siblings: [new Uint8Array(1)], leaf: null } }, /proof is malformed/],
      [{ ...FILE, file: { ...FILE.file, index: 1.5 } }, /index is not/],
      [{ ...FILE, file: { ...FILE.file, proof: 'x' } }, /proof is not a list/],
    ];
    for (const [proof, reason] of bad) expect(() => formatStatementProof(proof as never)).toThrow(refusal(reason));
  });
});

test('other extra data is not taken for a proof about a statement', () => {
  const others = [
    ...['', '00', 'a0', '80', 'f6', 'a1617601', 'd9d9f7a0', 'ff'].map(hex),
    new TextEncoder().encode('c2sp.org/tlog-proof@v1\n'),
    encodeCbor(
      new Map<string, CborValue>([
        ['v', 1],
        ['type', 'index'],
        ['size', 1],
      ]),
    ),
    concat(proofOf(DOCUMENT), hex('00')),
    new Uint8Array(MAX_STATEMENT_PROOF_SIZE + 1),
  ];
  for (const extra of others) expect(isStatementProof(extra)).toBe(false);
});
