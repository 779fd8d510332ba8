import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '@vitrine/core';
import { type CddlCheck, CddlValidators, type CddlVerdict } from '@vitrine/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatementType } from '../../src/statement/payload.ts';
import { PROOFS, proofOf } from '../proof/examples.ts';
import { EXAMPLES, statementOf, VENDOR } from './examples.ts';
import { changed, forge, type Parts, partsOf } from './forge.ts';

// cddl-verifier follows `.cbor` into byte strings, so it takes a statement whole; pycddl does not in an array, so it gets the header
// and the payload one by one.

const schema = new URL('../../../../docs/statement.cddl', import.meta.url).pathname;
let validators: CddlValidators;

beforeAll(() => {
  validators = new CddlValidators(schema);
}, 300_000);

afterAll(() => validators[Symbol.dispose]());

const check = (checks: readonly CddlCheck[]): CddlVerdict[] => validators.check(checks);

const YES: CddlVerdict = { 'cddl-verifier': true, pycddl: true };
const NO: CddlVerdict = { 'cddl-verifier': false, pycddl: false };

/** Fields that are never left out. */
const REQUIRED: Readonly<Record<StatementType, readonly string[]>> = {
  source: ['product', 'version', 'revision', 'tree'],
  build: ['product', 'version', 'channel'],
  database: ['name', 'sequence'],
  review: ['subject', 'verdict'],
  withdrawal: ['subject', 'reason'],
  // At least one of both lists is there, which CDDL does not say here.
  admission: [],
  handling: ['category', 'site', 'period', 'commitment'],
};

const statements = await Promise.all(
  EXAMPLES.map(async (example) => {
    const statement = await statementOf(example);
    return { name: example.name, type: example.payload.type, statement, parts: partsOf(statement) };
  }),
);

describe('docs/statement.cddl', () => {
  test('describes each committed statement, whole and in parts', () => {
    const whole = check(statements.map(({ statement }) => ['statement', statement]));
    expect(whole.map((verdict) => verdict['cddl-verifier'])).toEqual(statements.map(() => true));
    const parts = check(
      statements.flatMap(({ type, parts: { header, payload } }) => [
        [`${type}-header`, header],
        [type, payload],
      ]),
    );
    expect(parts).toEqual(parts.map(() => YES));
  });

  test('describes each committed proof', () => {
    const verdicts = check(PROOFS.map((proof) => ['statement-proof', proofOf(proof)]));
    expect(verdicts).toEqual(PROOFS.map(() => YES));
  });

  test('refuses a payload of one type as another, a field more and a field less', () => {
    const refused = statements.flatMap(({ type, parts: { payload } }): [string, Uint8Array][] => {
      const map = decodeCbor(payload, 'the payload') as CborMap;
      const other = type === 'source' ? 'build' : 'source';
      return [
        [other, payload],
        [type, encodeCbor(changed(map, [['unknown', 1]]))],
        ...REQUIRED[type].map((name): [string, Uint8Array] => [type, encodeCbor(changed(map, [[name, undefined]]))]),
      ];
    });
    const verdicts = check(refused);
    expect(verdicts).toEqual(verdicts.map(() => NO));
  });

  const { parts } = statements.find(({ name }) => name === 'source')!;
  const header = decodeCbor(parts.header, 'the header') as CborMap;
  const claims = header.get(15) as CborMap;
  const payload = decodeCbor(parts.payload, 'the payload') as CborMap;
  const withHeader = (label: number, value: CborValue | undefined): Partial<Parts> => ({
    header: encodeCbor(changed(header, [[label, value]])),
  });

  test.each([
    ['the algorithm -8', withHeader(1, -8)],
    ['a "crit" label', withHeader(2, [1])],
    ['a key ID of 5 bytes', withHeader(4, new Uint8Array(5))],
    ['no claims', withHeader(15, undefined)],
    ['one claim more', withHeader(15, changed(claims, [[4, 1]]))],
    ['the content type of a build', withHeader(3, 'application/vnd.vitrine.build.v1+cbor')],
    ['something in the unprotected header', { unprotected: Uint8Array.of(0xa1, 0x01, 0x32) }],
    ['another tag', { tag: Uint8Array.of(0xd1) }],
    ['a product with a slash', { payload: encodeCbor(changed(payload, [['product', 'a/b']])) }],
    ['a version of 257 bytes', { payload: encodeCbor(changed(payload, [['version', 'a'.repeat(257)]])) }],
  ] as const)('refuses a statement with %s', async (_, change) => {
    const [verdict] = check([['statement', await forge({ ...parts, ...change }, VENDOR)]]);
    expect(verdict!['cddl-verifier']).toBe(false);
  });
});
