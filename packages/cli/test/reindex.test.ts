import { ed25519Signer, formatBase64, formatVkey } from '@vitrine/core';
import { type Commit, LevelStore, Log } from '@vitrine/core/log';
import { statementAdmission } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { appendStatements, ask, build, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { refusedRun, VENDOR_KEY } from './support/statement-workspace.ts';
import { LOG_KEY, type Workspace, workspaceWithLog } from './support/workspace.ts';

const LOG = ['--log', 'log'];
const ROOT = 'IJXFv4lF6IWPHXo/0mpLE2PuACJke5yGF5Li+viUhIk=';

// docs/formats.md: `d`, `i`, and what kind of key it is.
const INDEX_HEAD = Uint8Array.of(0x69, 0x68);
const NODES = Uint8Array.of(0x69, 0x6e);
const RECORDS = Uint8Array.of(0x69, 0x72);

/** Writes derived keys of a log, and nothing else. */
async function damage(
  w: Workspace,
  find: (store: LevelStore) => Promise<Partial<Pick<Commit, 'derived' | 'removed'>>>,
): Promise<void> {
  await using store = await LevelStore.open(w.path('log'));
  const { head } = await store.readHead();
  const changed = await find(store);
  await store.commit({ expected: head, head, tiles: [], bundles: [], derived: [], ...changed });
}

async function keysOf(store: LevelStore, prefix: Uint8Array): Promise<[Uint8Array, Uint8Array][]> {
  const pairs: [Uint8Array, Uint8Array][] = [];
  for await (const [key, value] of store.derived(prefix)) pairs.push([key.slice(), value.slice()]);
  return pairs;
}

/** Has reindex mend the log, and checks that nothing is wrong with it any more, and that it can grow. */
async function mended(w: Workspace): Promise<void> {
  const clean = `22 entries, root hash ${ROOT}\n`;
  expect(await ask(w, 'reindex')).toMatchObject({ stdout: `indexed: ${clean}`, stderr: '' });
  expect(await ask(w, 'fsck')).toMatchObject({ stdout: `clean: ${clean}`, stderr: '' });
  await appendStatements(w, [[VENDOR_KEY, build('1.3')]]);
  expect((await ask(w, 'latest', 'acme-av/stable')).stdout).toMatch(/^22 /);
  expect((await ask(w, 'fsck')).stdout).toMatch(/^clean: 24 entries, /);
}

test('a log whose index is gone is not opened, and reindex mends it', async () => {
  const w = await workspaceWithIndex();
  await damage(w, async () => ({ removed: [INDEX_HEAD] }));
  for (const args of [['ls'], ['latest', 'acme-av/stable'], ['checkpoint']]) {
    expect(await refusedRun(w, [...args, ...LOG])).toMatchObject({
      status: 1,
      stderr:
        'vitrine: log-corrupt: the log has no index, or one that is being derived: check the log with fsck, and derive its ' +
        'index again with reindex\n',
    });
  }
  expect(await refusedRun(w, ['fsck', ...LOG])).toMatchObject({
    status: 1,
    stderr: 'vitrine: log-corrupt: the log has no index, or one that is being derived: derive it again with reindex\n',
  });
  await mended(w);
});

test.each([
  ['a node', NODES],
  ['a record', RECORDS],
])('%s of the index that is missing or damaged is found by fsck, and reindex mends it', async (_, prefix) => {
  for (const isMissing of [true, false]) {
    const w = await workspaceWithIndex();
    await damage(w, async (store) => {
      const [key, value] = (await keysOf(store, prefix)).at(-1)!;
      if (isMissing) return { removed: [key] };
      value[value.length - 1]! ^= 1;
      return { derived: [[key, value]] };
    });
    expect(await refusedRun(w, ['fsck', ...LOG])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^vitrine: log-corrupt: the (store lacks the key|key) 69[0-9a-f]+ of the index/),
    });
    await mended(w);
  }
});

test('reindex removes what the index does not need', async () => {
  const w = await workspaceWithIndex();
  await damage(w, async (store) => {
    const [key, value] = (await keysOf(store, NODES)).at(-1)!;
    key[key.length - 1]! += 1;
    return { derived: [[key, value]] };
  });
  expect((await refusedRun(w, ['fsck', ...LOG])).stderr).toMatch(/^vitrine: log-corrupt: the store has the key 696e/);
  await mended(w);
});

test('reindex of an index that is right leaves it as it is, but for versions that no checkpoint needs', async () => {
  const w = await workspaceWithIndex();
  const stored = async (): Promise<[Uint8Array, Uint8Array][]> => {
    await using store = await LevelStore.open(w.path('log'));
    return keysOf(store, Uint8Array.of(0x69));
  };
  const before = new Map((await stored()).map(([key, value]) => [formatBase64(key), value]));
  const { stdout, stderr } = await ask(w, 'reindex', '--json');
  expect(stderr).toBe('');
  expect(parseAs('reindex', stdout)).toEqual({ size: 22, root: ROOT });
  const after = await stored();
  expect(after.length).toBeGreaterThan(10);
  for (const [key, value] of after) {
    // The head says how far back the versions go.
    if (key.length > INDEX_HEAD.length) expect(value).toEqual(before.get(formatBase64(key)));
  }
  await ask(w, 'fsck');
  await ask(w, 'reindex');
  expect(await stored()).toEqual(after);
  await done(w, ['init', 'empty', '--origin', 'example.com/empty']);
  expect((await done(w, ['reindex', '--log', 'empty'])).stdout).toMatch(/^indexed: 0 entries, root hash \S{44}\n$/);
});

test('a log of arbitrary entries has no index to derive', async () => {
  const w = await workspaceWithLog({ entries: ['entry'] });
  const { status, stderr } = await refusedRun(w, ['reindex', ...LOG]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/^vitrine: log-index: /);
  expect(await w.run(['reindex', '--log', 'nowhere'])).toMatchObject({
    status: 3,
    stdout: '',
    stderr: expect.stringMatching(/^vitrine: store-missing: /),
  });
});

test('an index entry that is false cannot be mended, and is named', async () => {
  const w = await workspaceWithIndex();
  // Its index says from the first statement on that there is none.
  const log = await Log.create((description) => LevelStore.create(w.path('false'), description), {
    origin: 'example.com/log',
    vkeys: [formatVkey(LOG_KEY.vkey)],
    kind: 'statements',
    duplicates: false,
    signer: ed25519Signer(LOG_KEY),
    admission: statementAdmission,
    mapping: () => undefined,
  });
  await log.append((await ask(w, 'show', '0', '--bytes')).stdoutBytes);
  await log[Symbol.asyncDispose]();
  const lies = ['--log', 'false'];
  expect(await done(w, ['streams', ...lies])).toMatchObject({ stdout: '', stderr: '' });
  for (const command of ['fsck', 'reindex']) {
    expect(await w.run([command, ...lies])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^vitrine: log-corrupt: .*entry 1\b/),
    });
  }
  // The stored index stays as it is.
  expect((await done(w, ['ls', '--all', ...lies])).stdout.split('\n')).toHaveLength(3);
});
