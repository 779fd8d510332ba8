import { appendFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { SignerError } from '@vitrine/signer';
import { expect, test } from 'vitest';
import { hashFiles } from '../src/hashed-file.ts';
import { testContext } from './support/test-context.ts';
import { workspace } from './support/workspace.ts';

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

test('a file that changes while it is hashed is refused, be it its size or only its time', async () => {
  const w = workspace();
  const path = w.write('file', 'content');
  const files = [{ path, name: 'file' }];
  const grow = (): void => {
    const { atime, mtime } = statSync(path);
    appendFileSync(path, 'more');
    utimesSync(path, atime, mtime);
  };
  const rewrite = (): void => {
    writeFileSync(path, 'CONTENT');
    utimesSync(path, 1, 1);
  };
  for (const change of [grow, rewrite]) {
    w.write('file', 'content');
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

test('hashing stops when the user wants it', async () => {
  const w = workspace();
  const { context } = testContext({ signal: AbortSignal.abort() });
  const files = [{ path: w.write('file', 'content'), name: 'file' }];
  await expect(hashFiles(context, files, {})).rejects.toMatchObject({ name: 'AbortError' });
});
