import { createHash } from 'node:crypto';
import { appendFileSync, renameSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { formatPrivateKey } from '@vitrine/core';
import { SignerError } from '@vitrine/signer';
import { describe, expect, test } from 'vitest';
import { hashFiles } from '../src/hashed-file.ts';
import { parseAs } from './support/json-schema.ts';
import { testContext } from './support/test-context.ts';
import { fixedKey, workspace } from './support/workspace.ts';

/** A signal that tells when a file is opened: whoever reads listens to it then. */
function signalThat(act: () => void): AbortSignal {
  const { signal } = new AbortController();
  const listen = signal.addEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof listen>) => {
    act();
    listen(...args);
  };
  return signal;
}

test('a file that changes while it is hashed is refused, be it its size, only its time, or another file in its place', async () => {
  const w = workspace();
  const path = w.write('file', 'content');
  const files = [{ path, name: 'file' }];
  const grow = (): void => {
    appendFileSync(path, 'more');
    utimesSync(path, 5, 5);
  };
  const rewrite = (): void => {
    writeFileSync(path, 'CONTENT');
    utimesSync(path, 1, 1);
  };
  const replace = (): void => {
    const other = w.write('other', 'CONTENT');
    utimesSync(other, 5, 5);
    renameSync(other, path);
  };
  for (const change of [grow, rewrite, replace]) {
    w.write('file', 'content');
    utimesSync(path, 5, 5);
    const { context } = testContext({ signal: signalThat(change) });
    const failure = await hashFiles(context, files, {}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SignerError);
    expect(failure).toMatchObject({ code: 'source-changed', message: `${path} changed while it was read` });
  }
  w.write('file', 'content');
  expect(await hashFiles(testContext().context, files, {})).toMatchObject([{ name: 'file', size: 7 }]);
});

test('all files are looked at before the first is read', async () => {
  const w = workspace();
  let reads = 0;
  const { context } = testContext({ signal: signalThat(() => reads++) });
  const files = ['file', 'missing'].map((name) => ({ path: w.path(name), name }));
  w.write('file', 'content');
  await expect(hashFiles(context, files, {})).rejects.toMatchObject({ code: 'file-missing' });
  expect(reads).toBe(0);
});

describe('several large files', () => {
  const SIZE = 40 << 20;

  test('are hashed at once, each as by itself', async () => {
    const w = workspace();
    const files = ['a', 'b', 'c'].map((name) => ({ path: w.write(name, name), name }));
    for (const { path } of files) truncateSync(path, SIZE);
    const sum = (name: string) =>
      createHash('sha256')
        .update(name)
        .update(Buffer.alloc(SIZE - 1))
        .digest('hex');
    // The command, which has a file for its threads.
    const args = ['release', 'build', 'a', 'b', 'c', '--product', 'p', '--version', '1', '--channel', 'stable'];
    const key = ['--key', w.write('key', `${formatPrivateKey(fixedKey('acme.example', 0x01, 11))}\n`)];
    const offline = ['--offline', '--origin', 'example.com/log', '--out', 'out', '--json'];
    const { status, stdout, stderr } = await w.run([...args, ...key, ...offline]);
    expect(status, stderr).toBe(0);
    const { statement } = parseAs('issue', stdout) as { statement: { payload: { artifacts: object[] } } };
    expect(statement.payload.artifacts).toEqual(files.map(({ name }) => ({ name, size: SIZE, sha256: sum(name) })));
  });

  test('of which one cannot be read fail with its name, and stop when the user wants it', async () => {
    const w = workspace();
    const large = w.write('large', 'x');
    truncateSync(large, SIZE);
    const { readHashes } = await import('../dist/hash-workers.js');
    const read: number[] = [];
    const onRead = (bytes: number): void => void read.push(bytes);
    await expect(readHashes([large, w.path('missing')], 2, { onRead })).rejects.toMatchObject({
      code: 'file-missing',
      message: expect.stringContaining(w.path('missing')),
    });
    const stop = new AbortController();
    const stopped = readHashes([large, large], 2, { onRead: () => stop.abort(), signal: stop.signal });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readHashes([large], 1, { onRead })).toMatchObject([{ size: SIZE }]);
  });
});

test('hashing stops when the user wants it', async () => {
  const w = workspace();
  const { context } = testContext({ signal: AbortSignal.abort() });
  const files = [{ path: w.write('file', 'content'), name: 'file' }];
  await expect(hashFiles(context, files, {})).rejects.toMatchObject({ name: 'AbortError' });
});
