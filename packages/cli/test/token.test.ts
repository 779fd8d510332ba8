import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lockFile } from '../src/file-lock.ts';
import { parseAs } from './support/json-schema.ts';
import { workspace } from './support/workspace.ts';

test('a token is printed once, and listed by its name', async () => {
  const at = workspace();
  const { status, stdout, stderr } = await at.run(['token', 'add', 'ci', '--tokens', 'tokens']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^vitrine_[\w-]{43}\n$/);
  expect(at.read('tokens').toString()).not.toContain(stdout.trim());
  expect(statSync(at.path('tokens')).mode & 0o777).toBe(0o600);
  const desk = await at.run(['token', 'add', 'desk', '--tokens', 'tokens', '--json']);
  expect(parseAs('token-add', desk.stdout)['name']).toBe('desk');
  expect((await at.run(['token', 'list', '--tokens', 'tokens'])).stdout).toBe('ci\ndesk\n');
  const listed = await at.run(['token', 'list', '--tokens', 'tokens', '--json']);
  expect(parseAs('token-list', listed.stdout)).toEqual({ names: ['ci', 'desk'] });
});

test('a token is removed, and nobody has its name then', async () => {
  const at = workspace();
  await at.run(['token', 'add', 'ci', '--tokens', 'tokens']);
  await at.run(['token', 'add', 'desk', '--tokens', 'tokens']);
  const { status, stdout, stderr } = await at.run(['token', 'remove', 'ci', '--tokens', 'tokens']);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: 'vitrine: removed the token ci\n' });
  const removed = await at.run(['token', 'remove', 'desk', '--tokens', 'tokens', '--json']);
  expect(parseAs('token-remove', removed.stdout)).toEqual({ name: 'desk' });
  expect((await at.run(['token', 'list', '--tokens', 'tokens'])).stdout).toBe('');
});

test('one that is removed does not come back with what another process writes', async () => {
  const at = workspace();
  await at.run(['token', 'add', 'old', '--tokens', 'tokens']);
  const file = await lockFile(at.path('tokens'));
  const adding = at.run(['token', 'add', 'new', '--tokens', 'tokens']);
  // It is done by now if it does not wait.
  await Promise.race([adding, new Promise((resolve) => setTimeout(resolve, 5000))]);
  at.write('tokens', '');
  await file.release();
  expect((await adding).status).toBe(0);
  expect((await at.run(['token', 'list', '--tokens', 'tokens'])).stdout).toBe('new\n');
});

test.each([
  [['add', 'ci'], 2, 'token-exists'],
  [['add', 'a b'], 2, 'tokens-malformed'],
  [['remove', 'other'], 2, 'token-unknown'],
])('%j is refused', async (args, expected, code) => {
  const at = workspace();
  await at.run(['token', 'add', 'ci', '--tokens', 'tokens']);
  const { status, stderr } = await at.run(['token', ...args, '--tokens', 'tokens']);
  expect([status, stderr]).toEqual([expected, expect.stringContaining(`vitrine: ${code}: `)]);
});

test('a file that is not there, or is none of tokens, is refused', async () => {
  const at = workspace();
  const missing = await at.run(['token', 'list', '--tokens', 'tokens']);
  expect([missing.status, missing.stderr]).toEqual([3, 'vitrine: file-missing: tokens: no such file or directory\n']);
  at.write('tokens', 'nonsense\n');
  for (const args of [['list'], ['add', 'ci'], ['remove', 'ci']]) {
    const { status, stderr } = await at.run(['token', ...args, '--tokens', 'tokens']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('tokens-malformed')]);
  }
  expect(at.read('tokens').toString()).toBe('nonsense\n');
});
