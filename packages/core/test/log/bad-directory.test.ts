import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fsck } from '../../src/log/fsck.ts';
import { LevelStore, readDescription } from '../../src/log/level-store.ts';
import { Log } from '../../src/log/log.ts';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { KEY_TYPE_ED25519 } from '../../src/note/key-type.ts';
import { privateKeyFromSeed } from '../../src/note/private-key.ts';
import { collect, entriesOf, entryOf, expectCode, expectLog, OPTIONS, ORIGIN, SIGNER, utf8 } from './fixtures.ts';

let parent: string;
let directory: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'vitrine-bad-directory-'));
  directory = join(parent, 'log');
});

afterEach(() => rm(parent, { recursive: true }));

const create = (at = directory): Promise<Log> =>
  Log.create((description) => LevelStore.create(at, description), OPTIONS);

async function createAndClose(): Promise<void> {
  const log = await create();
  await collect(log.appendAll(entriesOf(5)));
  await log[Symbol.asyncDispose]();
}

async function open(at = directory): Promise<Log> {
  const store = await LevelStore.open(at);
  try {
    return await Log.open(store, { signer: SIGNER });
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

/** Every file below `at`, with its bytes. */
async function contents(at: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const file of await readdir(at, { withFileTypes: true, recursive: true })) {
    const path = join(file.parentPath, file.name);
    found.set(path, file.isDirectory() ? 'directory' : (await readFile(path)).toString('latin1'));
  }
  return found;
}

/** That the directory is refused by all that open or create logs, by name, and left as it is. */
async function expectRefused(at: string, codes: { open: string; create: string }): Promise<void> {
  const before = await contents(parent);
  for (const attempt of [LevelStore.open, open, readDescription]) {
    expect((await expectCode(attempt(at), codes.open)).message).toContain(at);
  }
  for (const attempt of [() => LevelStore.create(at, utf8('{}')), () => create(at)]) {
    expect((await expectCode(attempt(), codes.create)).message).toContain(at);
  }
  expect(await contents(parent)).toEqual(before);
}

describe('a directory that is not a log', () => {
  test('and does not exist cannot be opened, and is not created by trying', async () => {
    for (const attempt of [LevelStore.open, readDescription]) {
      expect((await expectCode(attempt(directory), 'store-missing')).message).toContain(directory);
    }
    expect(await readdir(parent)).toEqual([]);
  });

  test('and is empty can only be created in', async () => {
    await mkdir(directory);
    await expectCode(LevelStore.open(directory), 'store-foreign');
    await createAndClose();
  });

  test('but has other files is refused', async () => {
    await mkdir(join(directory, 'db'), { recursive: true });
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await writeFile(join(directory, 'db', 'CURRENT'), 'mine too');
    await expectRefused(directory, { open: 'store-foreign', create: 'store-exists' });
  });

  test('but somebody else’s LevelDB is refused', async () => {
    const db = new Level(directory);
    await db.put('key', 'value');
    await db.close();
    await expectRefused(directory, { open: 'store-foreign', create: 'store-exists' });
    await mkdir(join(parent, 'below'));
    const below = new Level(join(parent, 'below', 'db'));
    await below.put('key', 'value');
    await below.close();
    await expectRefused(join(parent, 'below'), { open: 'store-foreign', create: 'store-exists' });
  });

  test('but a file, or below a file, is refused', async () => {
    await writeFile(directory, 'a file');
    await expectRefused(directory, { open: 'store-io', create: 'store-io' });
    await expectRefused(join(directory, 'below'), { open: 'store-io', create: 'store-io' });
  });
});

describe('a log directory', () => {
  test('of a newer format is refused', async () => {
    await createAndClose();
    await writeFile(join(directory, 'vitrine.json'), '{"format":"vitrine-level-store","version":2}\n');
    await expectRefused(directory, { open: 'store-newer', create: 'store-exists' });
  });

  test.for([
    '',
    '{',
    'null',
    '[]',
    '1',
    '{}',
    '{"format":"other","version":1}',
    '{"format":"vitrine-level-store"}',
    '{"format":"vitrine-level-store","version":"1"}',
    '{"format":"vitrine-level-store","version":0}',
    '{"format":"vitrine-level-store","version":-1}',
    '{"format":"vitrine-level-store","version":0.5}',
    '\ufeff{"format":"vitrine-level-store","version":1}',
    '\xff',
  ])('whose marker is %j is refused', async (marker) => {
    await createAndClose();
    await writeFile(join(directory, 'vitrine.json'), Buffer.from(marker, marker === '\xff' ? 'latin1' : 'utf8'));
    await expectRefused(directory, { open: 'store-foreign', create: 'store-exists' });
  });

  test('whose description is of a newer version is refused', async () => {
    await createAndClose();
    const description = JSON.parse(await readFile(join(directory, 'log.json'), 'utf8'));
    await writeFile(join(directory, 'log.json'), JSON.stringify({ ...description, version: description.version + 1 }));
    await expectCode(open(), 'store-newer');
  });

  test('without its description, or with another one, is refused', async () => {
    await createAndClose();
    const bytes = await readFile(join(directory, 'log.json'));
    await rm(join(directory, 'log.json'));
    await expectRefused(directory, { open: 'store-corrupt', create: 'store-exists' });
    await writeFile(join(directory, 'log.json'), '{');
    await expectCode(open(), 'store-corrupt');
    await writeFile(join(directory, 'log.json'), bytes);
    await expectLog(await openAndLater(), entriesOf(5));
  });

  test('without its database is refused, and does not get an empty one', async () => {
    await createAndClose();
    await rm(join(directory, 'db'), { recursive: true });
    const before = await contents(parent);
    await expectCode(open(), 'store-corrupt');
    expect(await contents(parent)).toEqual(before);
    await mkdir(join(directory, 'db'));
    await expectCode(open(), 'store-corrupt');
    expect(await readdir(join(directory, 'db'))).toEqual([]);
  });

  test('with the database of another log is refused', async () => {
    await createAndClose();
    const other = await create(join(parent, 'other'));
    await collect(other.appendAll([entryOf(7)]));
    await other[Symbol.asyncDispose]();
    await rm(join(parent, 'other', 'db'), { recursive: true });
    await cp(join(directory, 'db'), join(parent, 'other', 'db'), {
      recursive: true,
    });
    await expectCode(open(join(parent, 'other')), 'log-corrupt');
  });

  test('without its checkpoint is refused, until one of it is back: then the newest is signed again', async () => {
    const created = await create();
    const path = join(directory, 'checkpoint');
    const first = created.checkpoint().note;
    await created.append(entryOf(0));
    await created[Symbol.asyncDispose]();
    const before = await readFile(path);
    await rm(path);
    expect((await expectCode(open(), 'log-corrupt')).message).toContain('no checkpoint');
    {
      await using store = await LevelStore.open(directory);
      await expectCode(fsck(store), 'log-corrupt');
    }
    await writeFile(path, first);
    await openAndLater();
    expect(await readFile(path)).toEqual(before);
  });

  test('that is open is refused by name, and opens once it is closed', async () => {
    const log = await create();
    expect((await expectCode(open(), 'store-locked')).message).toContain(directory);
    // Its description can be read meanwhile.
    expect(new TextDecoder().decode(await readDescription(directory))).toContain(ORIGIN);
    await log.append(entryOf(0));
    await log[Symbol.asyncDispose]();
    await expectLog(await openAndLater(), [entryOf(0)]);
  });

  test('is not locked by an attempt to open it that failed', async () => {
    await createAndClose();
    const other = privateKeyFromSeed(ORIGIN, KEY_TYPE_ED25519, new Uint8Array(32).fill(9));
    const store = await LevelStore.open(directory);
    await expectCode(Log.open(store, { signer: ed25519Signer(other) }), 'log-key');
    await store[Symbol.asyncDispose]();
    await expectLog(await openAndLater(), entriesOf(5));
  });

  /** The log, which is closed before the directory is removed. */
  async function openAndLater(): Promise<Log> {
    const log = await open();
    const entries = await collect(log.entries());
    await log[Symbol.asyncDispose]();
    const reopened = await open();
    expect(await collect(reopened.entries())).toEqual(entries);
    opened.push(reopened);
    return reopened;
  }

  const opened: Log[] = [];
  afterEach(async () => {
    for (const log of opened.splice(0)) await log[Symbol.asyncDispose]();
  });
});
