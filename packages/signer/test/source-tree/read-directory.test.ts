import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ReferenceTree } from '@vitrine/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatSourceLine, verifyFileProof } from '../../src/index.ts';
import { readDirectoryTree, type SourceProgress, type SourceTree } from '../../src/node.ts';
import { bytes, hex, refusalOf, sha256, temporary } from './support.ts';

const lines = (tree: SourceTree): string[] =>
  Array.from(tree.files(), (file) => Buffer.from(formatSourceLine(file)).toString('latin1'));
const names = (tree: SourceTree): string[] =>
  Array.from(tree.files(), ({ path }) => Buffer.from(path).toString('latin1'));
const digest = (content: string): string => hex(sha256(bytes(content)));

/** A directory with these files. */
function directoryOf(files: Record<string, string>): string {
  const directory = temporary();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

test('modes, contents and paths are those of the directory, in the order of whole paths', async () => {
  const directory = directoryOf({ 'a/b': 'one', 'a-b': '', 'a/deep/er': 'two', run: '#!' });
  mkdirSync(join(directory, 'empty/still'), { recursive: true });
  chmodSync(join(directory, 'run'), 0o744);
  chmodSync(join(directory, 'a-b'), 0o655);
  symlinkSync('../outside', join(directory, 'a/link'));
  symlinkSync('a', join(directory, 'to-directory'));
  const tree = await readDirectoryTree(directory);
  const expected = [
    `100644 ${digest('')} 0 a-b`,
    `100644 ${digest('one')} 3 a/b`,
    `100644 ${digest('two')} 3 a/deep/er`,
    `120000 ${digest('../outside')} 10 a/link`,
    `100755 ${digest('#!')} 2 run`,
    `120000 ${digest('a')} 1 to-directory`,
  ];
  expect(lines(tree)).toEqual(expected);
  expect(tree.summary).toEqual({ root: new ReferenceTree(expected.map(bytes)).root(6), files: 6, size: 19 });
});

test('names are bytes, whatever they say as text', async () => {
  const directory = temporary();
  const odd = [
    Buffer.from([0xff, 0xfe]),
    Buffer.from('new\nline'),
    Buffer.from(' \t'),
    Buffer.from('e\u0301'),
    Buffer.from('é'),
  ];
  for (const name of odd) writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), name);
  const below = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x80])]);
  mkdirSync(below);
  symlinkSync(Buffer.from([0xc3, 0x28]), Buffer.concat([below, Buffer.from([0x2f, 0xc0])]));
  const tree = await readDirectoryTree(directory);
  expect(names(tree)).toEqual(
    [...odd.map((name) => name.toString('latin1')), '\x80/\xc0'].sort((a, b) => (a < b ? -1 : 1)),
  );
  for (const { path, sha256: found, mode } of tree.files()) {
    expect(hex(found)).toBe(hex(sha256(mode === '120000' ? Uint8Array.of(0xc3, 0x28) : path)));
  }
});

test('.git at the top is left out, as a directory, a file and a link; what only begins so is not', async () => {
  const directory = directoryOf({ a: '', '.gitignore': '', 'x.git': '', '.github/ci': '' });
  const kept = ['.github/ci', '.gitignore', 'a', 'x.git'];
  mkdirSync(join(directory, '.git/objects'), { recursive: true });
  writeFileSync(join(directory, '.git/config'), 'x');
  expect(names(await readDirectoryTree(directory))).toEqual(kept);
  rmSync(join(directory, '.git'), { recursive: true });
  writeFileSync(join(directory, '.git'), 'gitdir: ../x');
  expect(names(await readDirectoryTree(directory))).toEqual(kept);
  rmSync(join(directory, '.git'));
  symlinkSync('..', join(directory, '.git'));
  expect(names(await readDirectoryTree(directory))).toEqual(kept);
});

test('the directory itself may be a link, and its name does not matter', async () => {
  const directory = directoryOf({ 'a/b': 'x' });
  const link = join(temporary(), 'link');
  symlinkSync(directory, link);
  const tree = await readDirectoryTree(directory);
  expect((await readDirectoryTree(link)).summary).toEqual(tree.summary);
  expect((await readDirectoryTree(`${directory}/./`)).summary).toEqual(tree.summary);
});

test('links are not followed: not to a directory above, not to nothing, not to a device', async () => {
  const directory = directoryOf({ a: '' });
  symlinkSync('.', join(directory, 'loop'));
  symlinkSync('nothing', join(directory, 'dangling'));
  symlinkSync('/dev/zero', join(directory, 'zero'));
  const modes = Array.from((await readDirectoryTree(directory)).files(), ({ mode }) => mode);
  expect(modes).toEqual(['100644', '120000', '120000', '120000']);
});

test('a hard link is a file', async () => {
  const directory = directoryOf({ a: 'x' });
  linkSync(join(directory, 'a'), join(directory, 'b'));
  expect(lines(await readDirectoryTree(directory))).toHaveLength(2);
});

describe('a directory is refused', () => {
  test('with more files than a tree may have, or more directories, before any is read', async () => {
    const directory = directoryOf({ 'a/b/c': '', d: '' });
    symlinkSync('d', join(directory, 'e'));
    const message = (what: string): string => `there are more than 2 ${what}, and no source tree is read with so many`;
    let read = 0;
    const options = { maxFiles: 2, onProgress: () => void read++ };
    expect(await refusalOf(() => readDirectoryTree(directory, options))).toEqual({
      code: 'source-unrepresentable',
      message: message('files'),
    });
    expect((await readDirectoryTree(directory, { maxFiles: 3 })).summary.files).toBe(3);
    rmSync(join(directory, 'e'));
    mkdirSync(join(directory, 'a/empty'));
    expect(await refusalOf(() => readDirectoryTree(directory, options))).toEqual({
      code: 'source-unrepresentable',
      message: message('directories'),
    });
    expect(read).toBe(0);
  });

  test('with a named pipe in it, by its path, which cannot move the cursor', async () => {
    const directory = directoryOf({ 'sub/a': '' });
    execFileSync('mkfifo', [join(directory, 'sub/pi\x1bpe')]);
    const refusal = await refusalOf(() => readDirectoryTree(directory));
    expect(refusal).toEqual({
      code: 'source-unrepresentable',
      message: 'sub/pi\\x1bpe cannot be in a source tree: it is a named pipe',
    });
  });

  test('with a socket in it', async () => {
    const directory = directoryOf({ a: '' });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(directory, 'socket'), resolve));
    onTestFinished(() => void server.close());
    const refusal = await refusalOf(() => readDirectoryTree(directory));
    expect(refusal).toEqual({
      code: 'source-unrepresentable',
      message: 'socket cannot be in a source tree: it is a socket',
    });
  });

  test('with a device in it', async () => {
    const { code, message } = await refusalOf(() => readDirectoryTree('/dev'));
    expect(code).toBe('source-unrepresentable');
    expect(message).toMatch(/it is a (device|named pipe|socket)$/);
  });

  test.each(['sub/.git', 'sub/deeper/.git/config'])('with another repository in it: %s', async (path) => {
    const refusal = await refusalOf(() => readDirectoryTree(directoryOf({ a: '', [path]: 'x' })));
    expect(refusal.code).toBe('source-unrepresentable');
    expect(refusal.message).toMatch(/^sub\/.*\.git cannot be/);
  });

  test('without a file in it', async () => {
    const directory = temporary();
    mkdirSync(join(directory, '.git'));
    mkdirSync(join(directory, 'empty'));
    expect((await refusalOf(() => readDirectoryTree(directory))).code).toBe('source-unrepresentable');
  });

  test('that is a file, or not there', async () => {
    const directory = directoryOf({ a: '' });
    expect((await refusalOf(() => readDirectoryTree(join(directory, 'a')))).code).toBe('source-unrepresentable');
    await expect(readDirectoryTree(join(directory, 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('what changes while it is read is noticed:', () => {
  const large = 'x'.repeat(300_000);

  /** Reads a directory with one large file, and acts when a part of it was read. */
  async function readWhile(act: (path: string, directory: string) => void): Promise<{ code: string; message: string }> {
    const directory = directoryOf({ large, other: 'y' });
    let acted = false;
    return refusalOf(() =>
      readDirectoryTree(directory, {
        onProgress: ({ size }) => {
          if (acted || size < 65_536) return;
          acted = true;
          act(join(directory, 'large'), directory);
        },
      }),
    );
  }

  test.each<[string, (path: string) => void]>([
    ['a file that grows', (path) => appendFileSync(path, 'x')],
    ['a file that shrinks', (path) => truncateSync(path, 100_000)],
    ['a file with other bytes of the same length', (path) => writeFileSync(path, large.replaceAll('x', 'y'))],
    [
      'a file with other bytes and the old times',
      (path) => {
        writeFileSync(path, large.replaceAll('x', 'y'));
        utimesSync(path, new Date(0), new Date(0));
      },
    ],
    [
      'a file in place of another',
      (path) => {
        writeFileSync(`${path}.new`, large);
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'a link in place of a file',
      (path) => {
        renameSync(path, `${path}.old`);
        symlinkSync('large.old', path);
      },
    ],
    ['a file that goes', (path) => rmSync(path)],
    ['a mode', (path) => chmodSync(path, 0o755)],
  ])('%s', async (_, act) => {
    expect(await readWhile(act)).toEqual({ code: 'source-changed', message: 'large changed while it was read' });
  });

  test('a name that comes, and one that goes', async () => {
    const message = 'the directory changed while it was read';
    expect(await readWhile((_, directory) => writeFileSync(join(directory, 'new'), ''))).toEqual({
      code: 'source-changed',
      message,
    });
    expect(await readWhile((_, directory) => rmSync(join(directory, 'other')))).toMatchObject({
      code: 'source-changed',
    });
  });

  test.each<[string, (path: string) => void]>([
    ['gone', () => {}],
    ['a link', (path) => symlinkSync('0', path)],
    ['a directory', (path) => mkdirSync(path)],
    ['a named pipe', (path) => void execFileSync('mkfifo', [path])],
  ])('a file that is %s when its turn comes', async (_, replace) => {
    const files = Array.from({ length: 200 }, (__, i) => [`sub/${i}`, `${i}`]);
    const directory = directoryOf(Object.fromEntries(files));
    let acted = false;
    const refusal = await refusalOf(() =>
      readDirectoryTree(directory, {
        onProgress: () => {
          if (acted) return;
          acted = true;
          for (let i = 1; i < 200; i++) {
            rmSync(join(directory, `sub/${i}`));
            replace(join(directory, `sub/${i}`));
          }
        },
      }),
    );
    expect(refusal.code).toBe('source-changed');
    expect(refusal.message).toMatch(/^sub\/\d+ changed/);
  });

  test('a file that gives more bytes than its size', async () => {
    // Linux makes these up when they are read, and says that they are empty.
    expect(readFileSync('/proc/sys/kernel/random/boot_id')).toHaveLength(37);
    expect((await refusalOf(() => readDirectoryTree('/proc/sys/kernel/random'))).code).toBe('source-changed');
  });
});

test('progress counts all files and bytes, links too', async () => {
  const directory = directoryOf({ a: 'x'.repeat(200_000), 'b/c': 'yy' });
  symlinkSync('abc', join(directory, 'link'));
  const seen: SourceProgress[] = [];
  await readDirectoryTree(directory, { onProgress: (progress) => seen.push(progress) });
  expect(seen.at(-1)).toEqual({ files: 3, size: 200_005 });
  // A large file is told of in parts.
  expect(seen.length).toBeGreaterThan(6);
});

test('reading ends with the reason of its signal, before and during', async () => {
  const directory = directoryOf({ a: 'x'.repeat(1_000_000) });
  const reason = new Error('enough');
  await expect(readDirectoryTree(directory, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  let most = 0;
  const reading = readDirectoryTree(directory, {
    signal: controller.signal,
    onProgress: ({ size }) => {
      most = size;
      controller.abort(reason);
    },
  });
  await expect(reading).rejects.toBe(reason);
  expect(most).toBe(65_536);
});

test('with a secret the tree is a confidential one, and each file is proven with its salt', async () => {
  const directory = directoryOf({ a: '1', 'b/c': '2' });
  const secret = new Uint8Array(32).fill(7);
  const tree = await readDirectoryTree(directory, { secret });
  expect(tree.summary.salted).toBe(true);
  expect((await readDirectoryTree(directory, { secret })).summary).toEqual(tree.summary);
  const file = verifyFileProof({ tree: tree.summary, file: await tree.prove(bytes('b/c')) });
  expect(file.salt).toHaveLength(16);
  expect((await readDirectoryTree(directory)).summary).not.toHaveProperty('salted');
});
