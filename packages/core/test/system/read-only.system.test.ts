import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Mount } from '@vitrine/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LevelStore, readDescription } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import { collect, entriesOf, entryOf, expectCode, expectLog, OPTIONS, ORIGIN, SIGNER } from '../log/fixtures.ts';

let mount: Mount;
let directory: string;

beforeEach(async () => {
  mount = await Mount.create(64);
  directory = join(mount.path, 'log');
});

afterEach(async () => {
  await mount.setReadOnly(false);
  await mount.remove();
});

const create = (): Promise<Log> => Log.create((description) => LevelStore.create(directory, description), OPTIONS);

async function contents(at: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const file of await readdir(at, { withFileTypes: true, recursive: true })) {
    const path = join(file.parentPath, file.name);
    if (file.isFile()) found.set(path, (await readFile(path)).toString('latin1'));
  }
  return found;
}

describe('a directory on a read-only file system', () => {
  test('cannot have a log created in it', async () => {
    await mkdir(directory);
    await mount.setReadOnly(true);
    await expectCode(create(), 'store-io');
    await mount.setReadOnly(false);
    expect(await readdir(directory)).toEqual([]);
    await (await create())[Symbol.asyncDispose]();
  });

  test('refuses to have its log opened, by name, and changes nothing', async () => {
    const log = await create();
    await collect(log.appendAll(entriesOf(300)));
    await log[Symbol.asyncDispose]();
    await mount.setReadOnly(true);
    const before = await contents(directory);
    expect((await expectCode(LevelStore.open(directory), 'store-io')).message).toContain(directory);
    expect(new TextDecoder().decode(await readDescription(directory))).toContain(ORIGIN);
    expect(await contents(directory)).toEqual(before);
    await mount.setReadOnly(false);
    const reopened = await Log.open(await LevelStore.open(directory), { signer: SIGNER });
    await expectLog(reopened, entriesOf(300));
    expect((await reopened.append(entryOf(300))).index).toBe(300);
    await reopened[Symbol.asyncDispose]();
  });

  test('still says what is no log', async () => {
    await mkdir(directory);
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await mount.setReadOnly(true);
    await expectCode(LevelStore.open(directory), 'store-foreign');
    await expectCode(create(), 'store-exists');
  });
});
