import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { addToken, listTokens, removeToken, TokenFile } from '../src/tokens.ts';
import { refusalIn, ServedLog } from './support/served-log.ts';

async function tokensPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-tokens-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, 'tokens');
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: { code?: unknown }) => error.code,
  );

/** What `act` gives, as soon as that is true. */
async function eventually(act: () => Promise<boolean>): Promise<void> {
  while (!(await act())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('a token is random, and the file has its hash only', async () => {
  const path = await tokensPath();
  const [one, two] = [await addToken(path, 'ci'), await addToken(path, 'desk')];
  expect(one).toMatch(/^vitrine_[\w-]{43}$/);
  expect(two).not.toBe(one);
  const text = await readFile(path, 'utf8');
  expect(text).toMatch(/^ci [0-9a-f]{64}\ndesk [0-9a-f]{64}\n$/);
  expect(text).not.toContain(one.slice(8));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await listTokens(path)).toEqual(['ci', 'desk']);
  const file = await TokenFile.open(path);
  expect([await file.nameOf(one), await file.nameOf(two)]).toEqual(['ci', 'desk']);
  for (const other of ['', 'x', one.slice(0, -1), `${one}x`, two.toUpperCase()]) {
    expect(await file.nameOf(other)).toBeUndefined();
  }
});

test('names are few characters, and each is there once', async () => {
  const path = await tokensPath();
  await addToken(path, 'ci');
  expect(await codeOf(addToken(path, 'ci'))).toBe('token-exists');
  for (const name of ['', 'a b', 'a\nb', 'x'.repeat(65), 'ü'])
    expect(await codeOf(addToken(path, name))).toBe('tokens-malformed');
  expect(await codeOf(removeToken(path, 'other'))).toBe('token-unknown');
  await removeToken(path, 'ci');
  expect(await listTokens(path)).toEqual([]);
  expect(await codeOf(listTokens(`${path}.not`))).toBe('ENOENT');
});

test.each([
  'ci',
  'ci abc',
  `ci ${'A'.repeat(64)}`,
  `ci  ${'a'.repeat(64)}`,
  `ci ${'a'.repeat(64)}\nci ${'b'.repeat(64)}`,
  `ci ${'a'.repeat(64)} x`,
])('a file that is not one of tokens is refused: %s', async (text) => {
  const path = await tokensPath();
  await writeFile(path, `${text}\n`);
  expect(await codeOf(listTokens(path))).toBe('tokens-malformed');
  expect(await codeOf(TokenFile.open(path))).toBe('tokens-malformed');
  expect(await codeOf(addToken(path, 'next'))).toBe('tokens-malformed');
});

test('a change of the file counts within a second', async () => {
  const path = await tokensPath();
  const one = await addToken(path, 'one');
  const file = await TokenFile.open(path);
  const two = await addToken(path, 'two');
  await eventually(async () => (await file.nameOf(two)) === 'two');
  await removeToken(path, 'one');
  await eventually(async () => (await file.nameOf(one)) === undefined);
  expect(await file.nameOf(two)).toBe('two');
});

test('a file that cannot be read any more leaves nobody a token, until it can, and that is said', async () => {
  const path = await tokensPath();
  const token = await addToken(path, 'one');
  const text = await readFile(path);
  const failures: unknown[] = [];
  const file = await TokenFile.open(path, (error) => failures.push((error as { code?: unknown }).code));
  const served = await ServedLog.create({ admitting: file });
  const add = (): Promise<Response> => served.post('/add', 'x', { authorization: `Bearer ${token}` });
  expect((await add()).status).toBe(200);
  for (const damage of [() => rm(path), () => writeFile(path, 'nonsense')]) {
    await damage();
    await eventually(async () => (await file.nameOf(token)) === undefined);
    expect(await refusalIn(await add())).toEqual([401, 'token-missing']);
    // It is looked at again meanwhile, and not said again.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await refusalIn(await add())).toEqual([401, 'token-missing']);
    await writeFile(path, text);
    await utimes(path, 1, 1);
    await eventually(async () => (await file.nameOf(token)) === 'one');
    expect((await add()).status).toBe(200);
  }
  expect(failures).toEqual(['ENOENT', 'tokens-malformed']);
});
