import { readFileSync } from 'node:fs';
import { sha256 } from '@vitrine/core';
import { recordKey, verifyRecord } from '@vitrine/signer';
import { RecordSet } from '@vitrine/signer/node';
import { ReferencePrefixTree, SeededRandom } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { proveAll, shown } from './support.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const referenceRoot = (records: readonly Uint8Array[]): Uint8Array =>
  new ReferencePrefixTree(records.map((record) => ({ key: sha256(record), valueHash: sha256(record) }))).root();

/** Rules as Snort has them, some of which look much alike. */
function rules(count: number): Uint8Array[] {
  const random = new SeededRandom(count);
  return Array.from({ length: count }, (_, i) =>
    utf8(
      `alert tcp $EXTERNAL_NET any -> $HOME_NET ${random.below(65536)} (msg:"MALWARE-CNC variant ${random.below(50)}"; ` +
        `content:"|${random.below(2 ** 32).toString(16)}|"; classtype:trojan-activity; sid:${1_000_000 + i}; rev:1;)`,
    ),
  );
}

describe('a record set', () => {
  test('has the root of the recursive definition, and counts each record once', async () => {
    const record = fc.uint8Array({ maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 200 }), async (records) => {
        const distinct = [...new Map(records.map((record) => [`${record}`, record])).values()];
        const set = await RecordSet.from(records);
        expect(set.root).toEqual(referenceRoot(distinct));
        expect(set.count).toBe(distinct.length);
        expect(set.duplicates).toBe(records.length - distinct.length);
        for (const one of records) expect(set.has(one)).toBe(true);
      }),
    );
  });

  test('is the same in any order, however often a record is there', async () => {
    const all = rules(5000);
    const random = new SeededRandom(1);
    const shuffled = all.map((rule) => [random.below(2 ** 32), rule] as const).sort(([a], [b]) => a - b);
    const [one, other] = await Promise.all([
      RecordSet.from(all),
      RecordSet.from([...all.slice(0, 700), ...shuffled.map(([, rule]) => rule), ...all.slice(4000)]),
    ]);
    expect(one).toMatchObject({ count: 5000, duplicates: 0 });
    expect(other).toMatchObject({ count: 5000, duplicates: 1700 });
    expect(other.root).toEqual(one.root);
    expect(one.root).toEqual(referenceRoot(all));
  });

  test('reads records that the reader overwrites as it goes on', async () => {
    async function* overwritten(): AsyncGenerator<Uint8Array> {
      const record = new Uint8Array(1);
      for (let i = 0; i < 100; i++) {
        record[0] = i;
        yield record;
      }
    }
    const set = await RecordSet.from(overwritten());
    expect(set.root).toEqual(referenceRoot(Array.from({ length: 100 }, (_, i) => Uint8Array.of(i))));
  });

  test('without records shows that nothing is there', async () => {
    const set = await RecordSet.from([]);
    expect(set).toMatchObject({ count: 0, duplicates: 0, root: new Uint8Array(32) });
    expect(set.has(utf8('a'))).toBe(false);
    expect(shown(set.root, utf8('a'), set.prove(utf8('a')))).toBe('absent');
  });

  test('of many equal records has one', async () => {
    const set = await RecordSet.from(Array.from({ length: 3000 }, () => utf8('same')));
    expect(set).toMatchObject({ count: 1, duplicates: 2999, root: referenceRoot([utf8('same')]) });
  });

  test('of rules proves every one, and the absence of others, and no neighbour passes for another', async () => {
    const all = rules(2000);
    proveAll(await RecordSet.from(all), all);
  });

  test('of two releases tells them apart by one rule', async () => {
    const all = rules(1000);
    const [before, after] = await Promise.all([RecordSet.from(all.slice(1)), RecordSet.from(all)]);
    const [added] = all as [Uint8Array];
    expect(after.root).not.toEqual(before.root);
    expect(shown(before.root, added, before.prove(added))).toBe('absent');
    expect(shown(after.root, added, after.prove(added))).toBe('present');
    expect(shown(after.root, added, before.prove(added))).toBe('nothing');
    expect(shown(before.root, added, after.prove(added))).toBe('nothing');
  });
});

test('a claim about a record is refused if the proof shows the contrary', async () => {
  const set = await RecordSet.from(rules(100));
  const { root } = set;
  const [record] = rules(100) as [Uint8Array];
  const missing = utf8('no such rule');
  verifyRecord({ root, record, present: true, proof: set.prove(record) });
  verifyRecord({ root, record: missing, present: false, proof: set.prove(missing) });
  const mismatch = expect.objectContaining({ name: 'ProofError', code: 'proof-mismatch' });
  expect(() => verifyRecord({ root, record, present: false, proof: set.prove(record) })).toThrow(mismatch);
  expect(() => verifyRecord({ root, record: missing, present: true, proof: set.prove(missing) })).toThrow(mismatch);
});

test('a record set is the one of the example in docs/formats.md', async () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const documented = readFileSync(new URL('../../../../docs/formats.md', import.meta.url), 'utf8');
  const keyOf = (name: string): string => new RegExp(`^${name} +([0-9a-f]{64})$`, 'm').exec(documented)![1]!;
  const names = ['alpha', 'beta', 'gamma'];
  for (const name of names) expect(hex(recordKey(utf8(name)))).toBe(keyOf(name));
  const set = await RecordSet.from(names.map(utf8));
  expect(documented).toContain(`root   ${hex(set.root)}\n`);
  const leaf = (name: string): Uint8Array =>
    sha256(Uint8Array.of(2, ...recordKey(utf8(name)), ...recordKey(utf8(name))));
  expect(set.prove(utf8('gamma')).siblings).toEqual([new Uint8Array(0), leaf('beta'), leaf('alpha')]);
  expect(set.prove(utf8('delta'))).toMatchObject({ leaf: null, siblings: { length: 1 } });
});

test('the key of a record is its SHA-256', () => {
  // FIPS 180-4, "abc".
  expect(Buffer.from(recordKey(utf8('abc'))).toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
