import { formatKeyId, formatPrivateKey, formatVkey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { run } from '../src/run.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import {
  OTHER_KEY,
  REVIEWER_KEY,
  refusedRun,
  sizeOf,
  VENDOR_KEY,
  workspaceWithStatements,
} from './support/statement-workspace.ts';
import { testContext } from './support/test-context.ts';
import { fixedKey, LOG_KEY } from './support/workspace.ts';

const LOG = ['--log', 'log'];
const RULES = ['release', 'database', 'rules', '--name', 'r', '--next', '--log', 'log'];

const idOf = (key: typeof VENDOR_KEY): string => `${key.vkey.keyName}+${formatKeyId(key.vkey.keyId)}`;

test('admit list prints whose statements the log takes', async () => {
  const w = await workspaceWithStatements();
  const [vendor, reviewer] = [VENDOR_KEY, REVIEWER_KEY].map(({ vkey }) => formatVkey(vkey));
  expect(await w.run(['admit', 'list', ...LOG])).toMatchObject({
    status: 0,
    stdout: `vendor    ${vendor}  since leaf 0\nreviewer  ${reviewer}  since leaf 0\n`,
    stderr: '',
  });
  expect(parseLinesAs('admit-list', (await w.run(['admit', 'list', '--json', ...LOG])).stdout)).toEqual([
    { role: 'vendor', keyName: 'acme.example', keyId: formatKeyId(VENDOR_KEY.vkey.keyId), vkey: vendor, since: 0 },
    {
      role: 'reviewer',
      keyName: 'reviewer.example',
      keyId: formatKeyId(REVIEWER_KEY.vkey.keyId),
      vkey: reviewer,
      since: 0,
    },
  ]);
});

test('a log of arbitrary entries has no list of keys', async () => {
  const w = await workspaceWithStatements();
  await w.run(['init', 'raw', '--raw', '--origin', 'raw.example']);
  expect(await w.run(['admit', 'list', '--log', 'raw'])).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'vitrine: log-admission: the log raw.example takes arbitrary entries, of nobody in particular\n',
  });
});

test('a key that is added can sign at once, and no more once it is removed', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  const sign = [...RULES, '--key', 'other.key'];
  expect((await refusedRun(w, sign)).stderr).toContain('vitrine: admission-key: ');
  const added = await w.run(['admit', 'add', 'other.vkey', '--role', 'vendor', ...LOG]);
  expect(added).toMatchObject({ status: 0, stderr: '' });
  expect(added.stdout).toMatch(
    /^2 {2}\S+ {2}admission {3}\+ vendor other\.example\+[0-9a-f]{8} {2}by example\.com\/log/,
  );
  expect(await w.run(sign)).toMatchObject({ status: 0 });
  const removed = await w.run(['admit', 'remove', 'other.example', '--json', ...LOG]);
  expect(parseAs('issue', removed.stdout)).toMatchObject({
    index: 6,
    statement: {
      type: 'admission',
      issuer: 'example.com/log',
      payload: { remove: [{ keyName: 'other.example', keyId: formatKeyId(OTHER_KEY.vkey.keyId) }] },
    },
  });
  expect(await refusedRun(w, sign)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('was removed at leaf 6\n'),
  });
  expect((await w.run(['admit', 'list', ...LOG])).stdout).not.toContain('other.example');
  // What it signed before stays.
  expect((await w.run(['show', '4', ...LOG])).stdout).toContain(
    'signature    verified, with a key that the log admitted as vendor, and removed at leaf 6\n',
  );
  expect(await w.run(['admit', 'add', formatVkey(OTHER_KEY.vkey), '--role', 'vendor', ...LOG])).toMatchObject({
    status: 0,
  });
});

test('changes that follow one another within a second all take effect', async () => {
  const w = await workspaceWithStatements();
  const admit = async (...args: string[]): Promise<string> => {
    // Its clock stands still.
    const { context, stdout } = testContext({ configDirectory: w.path('config', 'vitrine') });
    expect(await run(['admit', ...args, '--log', w.path('log')], context)).toBe(0);
    return stdout();
  };
  for (let i = 0; i < 3; i++) {
    await admit('add', w.path('other.vkey'), '--role', 'vendor');
    expect(await admit('list')).toContain('other.example');
    await admit('remove', 'other.example');
    expect(await admit('list')).not.toContain('other.example');
  }
  expect(sizeOf(w)).toBe(14);
});

test('admit add of a key that has the role already appends nothing; with another role it does', async () => {
  const w = await workspaceWithStatements();
  const again = await w.run(['admit', 'add', 'vendor.vkey', '--role', 'vendor', '--json', ...LOG]);
  expect(again).toMatchObject({ status: 0, stderr: '' });
  expect(parseAs('issue', again.stdout)).toMatchObject({
    index: 0,
    known: true,
    statement: { issuedAt: 1_700_000_000 },
  });
  expect(sizeOf(w)).toBe(2);
  expect(await w.run(['admit', 'add', 'vendor.vkey', '--role', 'reviewer', ...LOG])).toMatchObject({
    status: 0,
    stderr: `vitrine: ${idOf(VENDOR_KEY)} was vendor\n`,
  });
  expect((await w.run(['admit', 'list', ...LOG])).stdout).toMatch(
    /\nreviewer {2}acme\.example\+\S+ {2}since leaf 2\n$/,
  );
});

test('admit remove takes a name, a name and ID, a vkey or a file with it', async () => {
  for (const how of ['acme.example', idOf(VENDOR_KEY), formatVkey(VENDOR_KEY.vkey), 'vendor.vkey']) {
    const w = await workspaceWithStatements();
    expect(await w.run(['admit', 'remove', how, ...LOG])).toMatchObject({ status: 0, stderr: '' });
    expect((await w.run(['admit', 'list', ...LOG])).stdout).not.toContain('acme.example');
  }
});

test('a name that several keys have is not enough to remove one', async () => {
  const w = await workspaceWithStatements();
  const second = fixedKey('acme.example', 0x01, 31);
  await w.run(['admit', 'add', formatVkey(second.vkey), '--role', 'vendor', ...LOG]);
  expect(await refusedRun(w, ['admit', 'remove', 'acme.example', ...LOG])).toMatchObject({
    status: 2,
    stderr:
      'vitrine: usage: the log takes statements of several keys of acme.example: choose one of ' +
      `${idOf(VENDOR_KEY)}, ${idOf(second)}\n`,
  });
  expect(await w.run(['admit', 'remove', idOf(second), ...LOG])).toMatchObject({ status: 0 });
});

test('admit refuses what changes nothing, or what only the log itself is', async () => {
  const w = await workspaceWithStatements();
  w.write('log.vkey', formatVkey(LOG_KEY.vkey));
  w.write('witness.vkey', formatVkey(fixedKey('w', 0x04, 4).vkey));
  const cases: [string[], string][] = [
    [['add', 'log.vkey', '--role', 'vendor'], "admission-key: the log's own key"],
    [['add', 'witness.vkey', '--role', 'vendor'], 'key-type: '],
    [['add', 'vendor.key', '--role', 'vendor'], 'key-malformed: '],
    [['add', 'missing', '--role', 'vendor'], 'file-missing: missing: no such file or directory'],
    [['add', 'other.vkey'], "usage: required option '--role <role>' not specified"],
    [['add', 'other.vkey', '--role', 'admin'], "usage: option '--role <role>' argument 'admin' is invalid"],
    [['remove', 'other.vkey'], 'admission-key: the log takes no statements of other.example+'],
    [
      ['remove', 'nobody.example'],
      'admission-key: the log takes no statements of nobody.example: admit list shows whose',
    ],
    [['remove', 'log.vkey'], 'admission-key: '],
  ];
  for (const [args, message] of cases) {
    const { stderr } = await refusedRun(w, ['admit', ...args, ...LOG]);
    expect(stderr).toContain(`vitrine: ${message}`);
    expect(stderr).not.toContain('PRIVATE');
  }
});

test("only the log's key admits", async () => {
  const w = await workspaceWithStatements();
  const add = ['admit', 'add', 'other.vkey', '--role', 'vendor', ...LOG];
  expect(await refusedRun(w, [...add, '--log-key', 'vendor.key'])).toMatchObject({
    status: 2,
    stderr: 'vitrine: log-key: vendor.key is a key of acme.example, and the log is example.com/log\n',
  });
  w.write('forged.key', formatPrivateKey(fixedKey('example.com/log', 0x01, 32)));
  expect((await refusedRun(w, [...add, '--log-key', 'forged.key'])).stderr).toContain('vitrine: log-key: ');
});
