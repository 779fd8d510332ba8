import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '@vitrine/core';
import { Place } from '@vitrine/core/schema';
import { formatSign1, parseSign1, type Sign1 } from '@vitrine/signer';
import { changed, DAILY, daily, withDaily, withStatements } from '../attempt.ts';
import { database, NOW, WITNESSES } from '../world.ts';
import { type CaseInput, type ConformanceCase, refused } from './case.ts';

/** The release of the day with other bytes for a bundle. */
async function withBundle(change: (bytes: Uint8Array) => Uint8Array): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  const bundle = await world.bundle(leaf, { times: [WITNESSES[0], WITNESSES[1]].map((w) => [w, NOW - 60] as const) });
  return { request: daily('one'), bundle: change(bundle), trust: DAILY };
}

/** The same with other fields, in deterministic CBOR. */
const withFields = (fields: Readonly<Record<string, CborValue | undefined>>): Promise<CaseInput> =>
  withBundle((bytes) => {
    const map = new Map(decodeCbor(bytes, 'bundle') as CborMap);
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) map.delete(name);
      else map.set(name, value);
    }
    return encodeCbor(map);
  });

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

/** The same bytes with some of them replaced, which stand there once. */
const withOctets = (find: string, replace: string): Promise<CaseInput> =>
  withBundle((bytes) => {
    const at = Buffer.from(bytes).indexOf(hex(find));
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), hex(replace), bytes.subarray(at + find.length / 2)]));
  });

/** A log in which a statement was changed byte by byte after it was made, in place of the release. */
async function withStatement(change: (entry: Uint8Array) => Uint8Array): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  const honest = await world.bundle(leaf);
  const { entry } = await (await withDaily('other')).world.say(database(2, 'two'));
  const { index } = await world.log.append(change(entry));
  const { note: checkpoint } = await world.checkpoint();
  const bundle = await withStatements(world, honest, [leaf, index], { release: index });
  return { request: daily('two'), bundle: changed(bundle, () => ({ checkpoint })), trust: DAILY };
}

const replaced = (find: string, replace: string) => (entry: Uint8Array) =>
  new Uint8Array(Buffer.from(Buffer.from(entry).toString('latin1').replace(find, replace), 'latin1'));

const ZERO = new Uint8Array(32);

/** Bundles that cannot be read, and what is wrong with them. */
const UNREADABLE: readonly (readonly [string, () => Promise<CaseInput>])[] = [
  ['no bytes', () => withBundle(() => new Uint8Array())],
  ['its last byte missing', () => withBundle((bytes) => bytes.slice(0, -1))],
  ['a byte behind its end', () => withBundle((bytes) => new Uint8Array([...bytes, 0]))],
  ['an array in place of its map', () => withBundle(() => encodeCbor([1]))],
  ['a tag before it', () => withBundle((bytes) => new Uint8Array([0xd9, 0xd9, 0xf7, ...bytes]))],
  ['a field that version 1 does not have', () => withFields({ more: 1 })],
  ['a field missing', () => withFields({ earlier: undefined })],
  ['null for a source', () => withFields({ source: null })],
  ['a version of zero', () => withFields({ v: 0 })],
  ['a version that is text', () => withFields({ v: '1' })],
  ['no version', () => withFields({ v: undefined })],
  ['a release that is not among its statements', () => withFields({ release: 1 })],
  ['a release below zero', () => withFields({ release: -1 })],
  ['no statements', () => withFields({ statements: [] })],
  ['a root of 31 bytes', () => withFields({ indexRoot: new Uint8Array(31) })],
  ['an empty manifest', () => withFields({ manifest: new Uint8Array() })],
  ['no record of its stream', () => withFields({ stream: [null, [[], null]] })],
  [
    'a count of zero',
    () =>
      withFields({
        stream: [
          [0, ZERO, ZERO],
          [[], null],
        ],
      }),
  ],
  ['a sibling of zeroes', () => withFields({ subject: [null, [[ZERO, ZERO.with(0, 1)], null]] })],
  ['an empty last sibling', () => withFields({ subject: [null, [[new Uint8Array()], [ZERO, ZERO]]] })],
  [
    'a record out of order',
    () =>
      withFields({
        subject: [
          [
            ['b', 'review', ZERO],
            ['a', 'review', ZERO],
          ],
          [[], [ZERO, ZERO]],
        ],
      }),
  ],
  [
    'an issuer twice in a record',
    () =>
      withFields({
        subject: [
          [
            ['a', 'review', ZERO],
            ['a', 'review', ZERO.with(0, 1)],
          ],
          [[], [ZERO, ZERO]],
        ],
      }),
  ],
  [
    'a record of another type than review and withdrawal',
    () => withFields({ subject: [[['a', 'approval', ZERO]], [[], [ZERO, ZERO]]] }),
  ],
  ['65 earlier trees', () => withFields({ earlier: Array.from({ length: 65 }, (_, i) => [i + 1, ZERO]) })],
  ['an earlier tree of no leaves', () => withFields({ earlier: [[0, ZERO]] })],
  // The key "v" and its value, 1.
  ['an integer that is longer than it need be', () => withOctets('617601', '61761801')],
  ['an integer that is a float', () => withOctets('617601', '6176f93c00')],
  ['a key twice', () => withOctets('617601', '617601617601')],
  ['a key of indefinite length', () => withOctets('617601', '7f6176ff01')],
  ['text that is no UTF-8', () => withOctets('6576657261', '65766572ff')],
];

const anywhere = new Place((message) => new Error(message), 'statement');

/** A bundle whose release is another COSE_Sign1 structure, with the signature of before. */
const withSign1 = (change: (sign1: Sign1) => Partial<Sign1>): Promise<CaseInput> =>
  withStatement((entry) => {
    const sign1 = parseSign1(entry, anywhere);
    return formatSign1({ ...sign1, ...change(sign1) });
  });

/** With a field of the payload changed, or added. */
const withField =
  (key: string, value: CborValue) =>
  ({ payload }: Sign1): Partial<Sign1> => ({
    payload: encodeCbor(new Map(decodeCbor(payload!, 'payload') as CborMap).set(key, value)),
  });

/** The bytes of bundles and of the statements in them. */
export const BUNDLE_CASES: readonly ConformanceCase[] = [
  ...UNREADABLE.map(([what, input]) => refused('bundle-unreadable', `a bundle with ${what}`, input)),
  refused('bundle-newer', 'a bundle of a later version with other fields', () => withFields({ v: 2, more: 'fields' })),
  refused('statement-unreadable', 'a statement of a later version', () =>
    withStatement(replaced('.database.v1+cbor', '.database.v2+cbor')),
  ),
  refused('statement-unreadable', 'a statement with another algorithm', () =>
    withSign1(({ protectedHeader }) => {
      const header = new Map(decodeCbor(protectedHeader, 'header') as CborMap).set(1, -8);
      return { protectedHeader: encodeCbor(header) };
    }),
  ),
  refused('statement-unreadable', 'a statement with a field more', () => withSign1(withField('more', 1))),
  refused('statement-unreadable', 'a statement whose stream is not that of its payload', () =>
    withSign1(withField('name', 'weekly')),
  ),
  refused('statement-unreadable', 'a statement with something in its unprotected header', () =>
    withSign1(() => ({ unprotectedHeader: new Map([[1, 1]]) })),
  ),
  refused('statement-unreadable', 'a statement without its payload', () => withSign1(() => ({ payload: null }))),
  refused('statement-forged', 'a statement that was changed after it was signed', async () => {
    const { world } = await withDaily();
    const { entry } = await (await withDaily('other')).world.say(database(2, 'two'));
    const { index } = await world.log.append(replaced('daily.db', 'daily.xx')(entry));
    return { request: daily('two'), bundle: await world.bundle(index), trust: DAILY };
  }),
];
