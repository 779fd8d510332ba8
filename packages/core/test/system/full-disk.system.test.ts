import { join } from 'node:path';
import { Mount, SeededRandom } from '@vitrine/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { equalBytes } from '../../src/bytes/equal.ts';
import { CoreError } from '../../src/error.ts';
import { fsck } from '../../src/log/fsck.ts';
import { LevelStore } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import { CheckpointHistory, collect, expectCode, OPTIONS, SIGNER } from '../log/fixtures.ts';

let mount: Mount;
let directory: string;

beforeEach(async () => {
  mount = await Mount.create(32);
  directory = join(mount.path, 'log');
});

afterEach(() => mount.remove());

const random = new SeededRandom(1);
/** What cannot be compressed. */
const randomEntry = (): Uint8Array => random.bytes(500);

describe('a disk that is full', () => {
  test('fails appends with store-io, loses nothing that was acknowledged, and the log goes on once there is space', async () => {
    const history = new CheckpointHistory();
    const acknowledged = new Map<number, Uint8Array>();
    let log = await Log.create((description) => LevelStore.create(directory, description), OPTIONS);

    // Several times over, with single appends and with long inputs.
    for (let round = 0; round < 6; round++) {
      await mount.fill(400_000);
      let failure: unknown;
      if (round % 2 === 0) {
        while (failure === undefined) {
          const entries = Array.from({ length: 20 }, randomEntry);
          const results = await Promise.allSettled(entries.map((entry) => log.append(entry)));
          results.forEach((result, i) => {
            if (result.status === 'rejected') failure = result.reason;
            else acknowledged.set(result.value.index, entries[i]!);
          });
        }
      } else {
        const given: Uint8Array[] = [];
        const source = function* (): Generator<Uint8Array> {
          for (;;) {
            given.push(randomEntry());
            yield given.at(-1)!;
          }
        };
        try {
          for await (const batch of log.appendAll(source())) {
            history.see(batch.checkpoint);
            for (const { index } of batch) acknowledged.set(index, given.shift()!);
          }
        } catch (error) {
          failure = error;
        }
      }
      expect(failure).toBeInstanceOf(CoreError);
      // It is the disk that fails: a commit (store-io), or the checkpoint after it, and then the store takes no commit.
      expect(['store-io', 'store-closed']).toContain((failure as CoreError).code);
      expect((failure as CoreError).message).toMatch(/no space left/i);
      await expectCode(log.append(randomEntry()), 'log-failed');
      history.see(log.checkpoint().note);
      await log[Symbol.asyncDispose]().catch((error: unknown) => {
        expect(['store-io', 'store-closed']).toContain((error as CoreError).code);
      });

      // While the disk is full the log may refuse to open. It must not open with less.
      const early = await openLog().catch((error: unknown) => {
        expect((error as CoreError).code, String(error)).toBe('store-io');
        return undefined;
      });
      if (early !== undefined) {
        await expectAll(early, acknowledged);
        await early[Symbol.asyncDispose]().catch(() => {});
      }
      await mount.free();
      log = await openLog();
      await expectAll(log, acknowledged);
      history.see(log.checkpoint().note);
      for (let i = 0; i < 10; i++) {
        const entry = randomEntry();
        acknowledged.set((await log.append(entry)).index, entry);
      }
    }
    await log[Symbol.asyncDispose]();
    const store = await LevelStore.open(directory);
    await fsck(store);
    log = await Log.open(store, { signer: SIGNER });
    await expectAll(log, acknowledged);
    history.expectOf(await collect(log.entries()));
    await log[Symbol.asyncDispose]();
  });

  test('does not leave half a log behind where one was to be created', async () => {
    await mount.fill(0);
    const create = (): Promise<Log> => Log.create((description) => LevelStore.create(directory, description), OPTIONS);
    await expectCode(create(), 'store-io');
    await mount.free();
    const log = await create();
    expect((await log.append(randomEntry())).index).toBe(0);
    await log[Symbol.asyncDispose]();
  });
});

async function openLog(): Promise<Log> {
  const store = await LevelStore.open(directory);
  try {
    return await Log.open(store, { signer: SIGNER });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

async function expectAll(log: Log, acknowledged: ReadonlyMap<number, Uint8Array>): Promise<void> {
  const entries = await collect(log.entries());
  expect(entries.length).toBeGreaterThanOrEqual(acknowledged.size);
  for (const [index, entry] of acknowledged) {
    if (!equalBytes(entry, entries[index] ?? new Uint8Array())) expect.fail(`entry ${index} is another one`);
  }
}
