import { encodeCbor, leafHash } from '@vitrine/core';
import { Log } from '@vitrine/core/log';
import { MemoryDisk, MemoryStore } from '@vitrine/testkit';
import { describe, expect, test } from 'vitest';
import {
  admittedKeys,
  newestDatabase,
  newestWithdrawal,
  parseStatement,
  statementAdmission,
  statementMapping,
} from '../../src/index.ts';
import {
  adding,
  build,
  database,
  LOG_KEY,
  ORIGIN,
  OTHER_VENDOR,
  REVIEWER,
  removing,
  STRANGER,
  sign,
  VENDOR,
  withdrawal,
} from './support.ts';

const RULES = { admission: statementAdmission, mapping: statementMapping };

/** A log with an index, and whatever of its admission's pointers one wants to believe. */
async function indexed({ admission = statementAdmission } = {}): Promise<{ log: Log; disk: MemoryDisk }> {
  const disk = new MemoryDisk();
  const log = await Log.create((description) => MemoryStore.create(disk, description), {
    origin: ORIGIN,
    vkeys: [LOG_KEY.vkey],
    kind: 'statements',
    duplicates: false,
    signer: LOG_KEY.signer,
    ...RULES,
    admission,
  });
  return { log, disk };
}

/** Turns every pointer of the admission to a leaf, or removes it. */
function turnPointers({ derived }: MemoryDisk, leaf: number | undefined): void {
  for (const name of [...derived.keys()].filter((key) => key.startsWith('61'))) {
    if (leaf === undefined) derived.delete(name);
    else derived.set(name, encodeCbor(leaf));
  }
}

describe('a log with an index', () => {
  test.each([undefined, 0, 2, 4])('has its keys by the index, wherever its pointers lead: %s', async (leaf) => {
    const { log, disk } = await indexed();
    await log.append(await sign(LOG_KEY, adding('vendor', VENDOR, OTHER_VENDOR)));
    await log.append(await sign(LOG_KEY, adding('reviewer', REVIEWER)));
    await log.append(await sign(LOG_KEY, removing(VENDOR)));
    const expected = await admittedKeys(log);
    expect(expected).toEqual({
      admitted: [
        { role: 'vendor', vkey: OTHER_VENDOR.vkey, since: 0 },
        { role: 'reviewer', vkey: REVIEWER.vkey, since: 2 },
      ],
      removed: [{ keyName: VENDOR.key.keyName, keyId: VENDOR.key.keyId, since: 4 }],
    });
    turnPointers(disk, leaf);
    expect(await admittedKeys(log)).toEqual(expected);
  });

  test('admits no key by a statement that its own key did not sign for it', async () => {
    // As an operator could log it who does not keep to the rules.
    const { log } = await indexed({ admission: { admit: async () => [] } });
    await log.append(await sign(LOG_KEY, adding('vendor', VENDOR)));
    const own = { ...STRANGER, signer: { ...STRANGER.signer, keyName: ORIGIN } };
    for (const forged of [
      await sign(LOG_KEY, adding('vendor', STRANGER), 'other.example/log'),
      await sign(STRANGER, adding('vendor', STRANGER)),
      await sign(own, adding('vendor', STRANGER)).catch(() => new Uint8Array([1])),
    ]) {
      await log.append(forged);
    }
    expect((await admittedKeys(log)).admitted.map(({ vkey }) => vkey)).toEqual([VENDOR.vkey]);
  });

  test.each([undefined, 0, 2])('has the newest release of a database by the index: pointers to %s', async (leaf) => {
    const { log, disk } = await indexed();
    await log.append(await sign(LOG_KEY, adding('vendor', VENDOR, OTHER_VENDOR)));
    await log.append(await sign(VENDOR, database(7)));
    await log.append(await sign(VENDOR, database(9)));
    turnPointers(disk, leaf);
    const newest = await newestDatabase(log, 'vendor.example', 'daily');
    expect(newest).toMatchObject({ index: 4, statement: { payload: { sequence: 9 } } });
    expect(newest!.leafHash).toEqual(await log.leafHash(4));
    expect(await newestDatabase(log, 'other.example', 'daily')).toBeUndefined();
  });

  test('cannot hide the withdrawal of a release', async () => {
    const { log, disk } = await indexed();
    await log.append(await sign(LOG_KEY, adding('vendor', VENDOR, OTHER_VENDOR)));
    const entry = await sign(VENDOR, build());
    const release = { leafHash: leafHash(entry), statement: parseStatement(entry) };
    await log.append(entry);
    expect(await newestWithdrawal(log, release)).toBeUndefined();
    await log.append(await sign(VENDOR, withdrawal(release.leafHash)));
    turnPointers(disk, undefined);
    expect(await newestWithdrawal(log, release)).toMatchObject({
      index: 4,
      statement: { payload: { subject: release.leafHash } },
    });
  });

  test('cannot pass the withdrawal of another release off as that of this one', async () => {
    const { log, disk } = await indexed();
    await log.append(await sign(LOG_KEY, adding('vendor', VENDOR, OTHER_VENDOR)));
    const [entry, other, elsewhere] = [
      await sign(VENDOR, build(1)),
      await sign(VENDOR, build(2)),
      await sign(VENDOR, build(1, { channel: 'beta' })),
    ] as const;
    for (const one of [entry, other, elsewhere]) await log.append(one);
    await log.append(await sign(VENDOR, withdrawal(leafHash(other))));
    await log.append(await sign(VENDOR, withdrawal(leafHash(elsewhere))));
    const release = { leafHash: leafHash(entry), statement: parseStatement(entry) };
    expect(await newestWithdrawal(log, release)).toBeUndefined();
    const pointers = [...disk.derived].filter(([name]) => name.startsWith('6177'));
    expect(pointers).toHaveLength(2);
    // By the name that its own would have.
    const view = (leaf: number): Log =>
      new Proxy(log, {
        get: (target, name) => {
          if (name === 'derived') return async () => encodeCbor(leaf);
          const value = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    for (const leaf of [8, 10]) {
      await expect(newestWithdrawal(view(leaf), release)).rejects.toMatchObject({ code: 'log-corrupt' });
    }
  });
});
