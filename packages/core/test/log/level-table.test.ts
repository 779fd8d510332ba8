import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@vitrine/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LevelStore } from '../../src/log/level-store.ts';
import { checkTables } from '../../src/log/level-table.ts';
import { Log } from '../../src/log/log.ts';
import { collect, errorOf, expectCode, OPTIONS, utf8 } from './fixtures.ts';
import { added, block, FULL, footer, fragment, handle, index } from './level-files.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const FLIPS = Number(process.env['FLIPS'] ?? 200);
const CUTS = Number(process.env['CUTS'] ?? 100);

const random = new SeededRandom(SEED);
const FOOTER_SIZE = 48;

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'vitrine-table-'));
});
afterAll(() => rm(parent, { recursive: true }));

/** The database of a log with these entries, all of which are in tables. */
async function databaseOf(name: string, entries: readonly Uint8Array[], duplicates = false): Promise<string> {
  const directory = join(parent, name);
  const log = await Log.create((text) => LevelStore.create(directory, text), { ...OPTIONS, duplicates });
  await collect(log.appendAll(entries));
  await log[Symbol.asyncDispose]();
  // What is in the journal when a database is opened becomes a table.
  await (await LevelStore.open(directory))[Symbol.asyncDispose]();
  return join(directory, 'db');
}

async function tablesOf(database: string): Promise<string[]> {
  return (await readdir(database)).filter((file) => file.endsWith('.ldb')).map((file) => join(database, file));
}

async function flip(path: string, bit: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, bit >> 3);
  byte[0]! ^= 1 << (bit & 7);
  await file.write(byte, 0, 1, bit >> 3);
  await file.close();
}

const KINDS: readonly [name: string, entries: () => Uint8Array[], duplicates: boolean][] = [
  ['entries that repeat', () => Array.from({ length: 5000 }, (_, i) => utf8(`entry ${i} `.repeat(10))), false],
  ['random entries', () => Array.from({ length: 3000 }, () => random.bytes(60)), false],
  ['a block larger than what is read at once', () => Array.from({ length: 12 }, () => random.bytes(60_000)), false],
  ['duplicates allowed', () => Array.from({ length: 40_000 }, (_, i) => utf8(`entry ${i}`)), true],
  ['one entry', () => [utf8('entry')], false],
];

describe.each(KINDS)('checkTables, with %s', (name, entries, duplicates) => {
  let database: string;
  let table: string;
  let size: number;
  beforeAll(async () => {
    database = await databaseOf(name, entries(), duplicates);
    const tables = await tablesOf(database);
    expect(tables.length).toBe(1);
    table = tables[0]!;
    size = (await stat(table)).size;
  });

  test('finds a sound database sound', async () => {
    await checkTables(database);
  });

  const expectFound = async (): Promise<void> => {
    const error = await expectCode(checkTables(database), 'store-corrupt');
    expect(error.message).toContain(table);
  };

  test(`finds a flipped bit anywhere, and names the file and the offset (seed ${SEED})`, async () => {
    for (let i = 0; i < FLIPS; i++) {
      const bit = random.below(8 * size);
      await flip(table, bit);
      const { code, message } = await errorOf(checkTables(database));
      expect(code, `bit ${bit} was flipped`).toBe('store-corrupt');
      expect(message).toContain(table);
      const offset = Number(/at offset (\d+)/.exec(message)?.[1]);
      // A damaged footer can name any.
      expect(offset).toBeLessThanOrEqual(bit >> 3 < size - FOOTER_SIZE ? bit >> 3 : Number.MAX_SAFE_INTEGER);
      await flip(table, bit);
    }
    await checkTables(database);
  });

  test('finds every flipped bit of the footer and of the last 20 bytes before it', async () => {
    for (let bit = 8 * (size - FOOTER_SIZE - 20); bit < 8 * size; bit++) {
      await flip(table, bit);
      const { code } = await errorOf(checkTables(database));
      expect(code, `bit ${bit} was flipped`).toBe('store-corrupt');
      await flip(table, bit);
    }
  });

  test(`finds a table cut off anywhere, and one with something behind it (seed ${SEED})`, async () => {
    const bytes = await readFile(table);
    const near = Array.from({ length: 60 }, (_, i) => size - 1 - i);
    for (const cut of [0, 1, ...near, ...Array.from({ length: CUTS }, () => random.below(size))].sort(
      (a, b) => b - a,
    )) {
      await truncate(table, cut);
      await expectFound();
    }
    await writeFile(table, Buffer.concat([bytes, Buffer.alloc(1)]));
    await expectFound();
    await writeFile(table, bytes);
    await checkTables(database);
  });
});

describe('checkTables', () => {
  let copies = 0;
  /** A database that consists of one file, made by hand. */
  async function databaseWith(table: Uint8Array): Promise<string> {
    const database = join(parent, `hand-made-${copies++}`);
    await mkdir(database);
    await writeFile(join(database, 'CURRENT'), 'MANIFEST-000001\n');
    await writeFile(join(database, 'MANIFEST-000001'), fragment(FULL, Uint8Array.from(added(2, table.length))));
    await writeFile(join(database, '000002.ldb'), table);
    return database;
  }

  // Two blocks of data of 3 bytes, 8 with the trailer; a metaindex block without a filter; the index.
  const DATA = Buffer.concat([block([1, 2, 3]), block([4, 5, 6])]);
  const META = block(index());
  const META_HANDLE = handle(16, META.length - 5);
  const file = (
    indexBlock: Uint8Array,
    { data = DATA, metaHandle = META_HANDLE, indexHandle = [] as number[] } = {},
  ) => {
    const found = indexHandle.length > 0 ? indexHandle : handle(data.length + META.length, indexBlock.length - 5);
    return Buffer.concat([data, META, indexBlock, footer(metaHandle, found)]);
  };

  test('takes a table that is made by hand', async () => {
    await checkTables(await databaseWith(file(block(index(handle(0, 3), handle(8, 3))))));
  });

  const HUGE = 2 ** 52;
  const whole = block(index(handle(0, 3), handle(8, 3)));
  const damages: [string, Uint8Array][] = [
    ['a block that no handle names', file(block(index(handle(0, 3))))],
    ['a first block that no handle names', file(block(index(handle(8, 3))))],
    ['blocks in another order', file(block(index(handle(8, 3), handle(0, 3))))],
    ['a block that is named twice', file(block(index(handle(0, 3), handle(0, 3), handle(8, 3))))],
    ['a block that is too large', file(block(index(handle(0, HUGE))))],
    ['a block that is not there', file(block(index(handle(0, 3), handle(8, 3), handle(HUGE, 3))))],
    ['a handle with something behind it', file(block(index(handle(0, 3), [...handle(8, 3), 0])))],
    ['a handle that is cut off', file(block(index(handle(0, 3), [8])))],
    ['a handle with a needless byte', file(block(index(handle(0, 3), [8, 0x83, 0])))],
    ['an index that is compressed', file(block(index(handle(0, 3), handle(8, 3)), 1))],
    ['an index that is too short', file(block([0, 0, 0]))],
    ['an index with too many restarts', file(block([0, 0, 0, 0, 2, 0, 0, 0]))],
    ['an index without its size', file(whole, { indexHandle: handle(DATA.length + META.length, HUGE) })],
    ['an index behind the end', file(whole, { indexHandle: handle(HUGE, 10) })],
    ['a metaindex behind the end', file(whole, { metaHandle: handle(HUGE, 10) })],
    ['an index in place of the metaindex', file(whole, { metaHandle: handle(DATA.length + META.length, 28 - 5) })],
    [
      'something between index and footer',
      Buffer.concat([file(whole).subarray(0, -48), Buffer.alloc(8), file(whole).subarray(-48)]),
    ],
    ['an empty file', new Uint8Array(0)],
    ['a file of zeros', new Uint8Array(100)],
  ];
  test.for(damages)('refuses %s', async ([, table]) => {
    const error = await expectCode(checkTables(await databaseWith(table)), 'store-corrupt');
    expect(error.message).toMatch(/000002\.ldb.* at offset \d+: /);
  });

  test('passes over what the manifest does not name, and a table that is gone', async () => {
    const database = await databaseWith(file(whole));
    await writeFile(join(database, '000009.ldb'), 'what a process was writing when it ended');
    await checkTables(database);
    await rm(join(database, '000002.ldb'));
    await checkTables(database);
  });

  test('refuses a damaged manifest or CURRENT by name, and leaves a missing manifest to LevelDB', async () => {
    const database = await databaseWith(file(whole));
    await flip(join(database, 'MANIFEST-000001'), 70);
    expect((await expectCode(checkTables(database), 'store-corrupt')).message).toContain('MANIFEST-000001: ');
    await rm(join(database, 'MANIFEST-000001'));
    await checkTables(database);
    await writeFile(join(database, 'CURRENT'), '../MANIFEST-000001\n');
    expect((await expectCode(checkTables(database), 'store-corrupt')).message).toContain('CURRENT');
  });

  test('stops when it is told to, also when a store is opened', async () => {
    const directory = join(parent, 'stopped');
    await databaseOf('stopped', [utf8('entry')]);
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(checkTables(join(directory, 'db'), signal)).rejects.toThrow('stop');
    await expect(LevelStore.open(directory, { checkTables: true, signal })).rejects.toThrow('stop');
    await (await LevelStore.open(directory, { checkTables: true }))[Symbol.asyncDispose]();
  });

  test('can be used beside a process that has the log open', async () => {
    const directory = join(parent, 'locked');
    const database = await databaseOf('locked', [utf8('entry')]);
    await using store = await LevelStore.open(directory);
    await checkTables(database);
    await expectCode(LevelStore.open(directory, { checkTables: true }), 'store-locked');
    expect((await store.readHead()).head.size).toBe(1);
  });
});
