import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoint, parseVkey } from '@vitrine/core';
import { fsck, LevelStore } from '@vitrine/core/log';
import { Mount } from '@vitrine/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { Mirror } from '../../src/mirror/mirror.ts';
import { pull } from '../../src/mirror/pull.ts';
import { logSource } from '../../src/mirror/pull-source.ts';
import { append, createLog, entriesOf, LOG_VKEY, MIRROR_KEYS } from '../mirror/support.ts';
import { ORIGIN, TestLog, TIME } from '../support/logs.ts';
import { testWitness } from '../support/witnesses.ts';

/** A small disk. It goes once everything that was registered after it has closed what it has there. */
async function smallDisk(): Promise<Mount> {
  const disk = await Mount.create(32);
  onTestFinished(() => disk.remove());
  return disk;
}

test('a witness whose disk is full cosigns nothing that it could forget, and goes on once there is space', async () => {
  const disk = await smallDisk();
  const log = new TestLog({ size: 4000 });
  const directory = join(disk.path, 'state');
  mkdirSync(directory);
  let w = await testWitness({ directory, logs: [log], growth: { perSecond: 1000, burst: 4000 } });
  // Several times over, because it is not always the same file that has no room.
  let size = 0;
  for (let round = 0; round < 4; round++) {
    const begun = size;
    await disk.fill(round * 50_000);
    let signatures: number;
    let status: number;
    do {
      signatures = w.signatures;
      w.now++;
      ({ status } = await w.add(await log.request(size, size + 1)));
      if (status === 200) size++;
    } while (status === 200 && size < begun + 900);
    expect(status).toBe(503);
    expect(w.faults).toMatchObject([{ code: 'state-io' }]);
    // What it signed and could not keep did not leave it.
    expect(w.signatures - signatures).toBeLessThanOrEqual(2);
    await disk.free();
    const { now } = w;
    w = await w.again();
    w.now = now;
    // From the beginning, which it takes as long as it knows nothing.
    const asked = await w.add(await log.request(0, 1));
    expect(asked.status).toBe(size === 0 && asked.status === 200 ? 200 : 409);
    const known = asked.status === 200 ? 1 : Number(await asked.text());
    // It can have stored one that it then could not cosign.
    expect([size, size + 1]).toContain(known);
    size = known;
    expect((await w.add(await log.request(size, size + 1))).status).toBe(200);
    size++;
  }
}, 600_000);

test('a mirror whose disk is full vouches for nothing that it lacks, says that it failed, and goes on once there is space', async () => {
  const disk = await smallDisk();
  const directory = join(disk.path, 'copy');
  const log = await createLog();
  const options = { now: () => TIME, cosigners: MIRROR_KEYS };
  let mirror = await Mirror.create(directory, { origin: ORIGIN, vkeys: [LOG_VKEY], ...options });
  onTestFinished(() => mirror[Symbol.asyncDispose]());
  const source = logSource(log);
  const sizeOf = (note: Uint8Array): number =>
    openCheckpoint(note, { origin: ORIGIN, keys: [parseVkey(LOG_VKEY)] }).checkpoint.size;
  for (const left of [0, 50_000, 400_000]) {
    const before = mirror.replica.size;
    await disk.fill(left);
    let failure: unknown;
    for (let from = log.size; failure === undefined && from < before + 40_000; from = log.size) {
      await append(log, entriesOf(2000, from));
      await pull(mirror, { source }).catch((error: unknown) => {
        failure = error;
      });
    }
    expect(failure).toMatchObject({ message: expect.stringMatching(/no space left/i) });
    expect(mirror.failure).toBeDefined();
    const { size } = mirror.replica;
    const cosigned = mirror.replica.cosignedCheckpoint();
    if (cosigned !== undefined) expect(sizeOf(cosigned.note)).toBeLessThanOrEqual(mirror.replica.next);
    await mirror[Symbol.asyncDispose]();
    await disk.free();
    mirror = await Mirror.open(directory, options);
    expect(mirror.failure).toBeUndefined();
    expect(mirror.replica.size).toBeGreaterThanOrEqual(size);
    expect(await pull(mirror, { source })).toMatchObject({ size: log.size, root: log.root });
  }
  await mirror[Symbol.asyncDispose]();
  await using store = await LevelStore.open(directory, { checkTables: true });
  expect(await fsck(store)).toMatchObject({ size: log.size, root: log.root });
}, 600_000);
