import { readFileSync } from 'node:fs';
import { equalBytes, leafHash } from '@vitrine/core';
import { ReferenceTree } from '@vitrine/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type FileProof,
  formatSourceLine,
  parseSourceLine,
  pathSalt,
  type SourceFile,
  verifyFileProof,
} from '../../src/index.ts';
import { SourceTree } from '../../src/node.ts';
import { bytes, fileOf, hex, refusalOf, sha256 } from './support.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
// In no order.
const FILES = [
  fileOf('z', '', '100755'),
  fileOf('a/b', '1'),
  fileOf('a-b', '2'),
  fileOf(Uint8Array.of(0x7a, 0xff), 'not UTF-8'),
  fileOf('a/b c', 'a/b', '120000'),
];

const linesOf = (tree: SourceTree): string[] =>
  Array.from(tree.files(), (file) => Buffer.from(formatSourceLine(file)).toString('latin1'));
const codeOf = async (act: () => unknown): Promise<string> => (await refusalOf(act)).code;

describe('the worked figures of docs/formats.md', () => {
  const section = readFileSync(new URL('../../../../docs/formats.md', import.meta.url), 'utf8').split(
    '## Source trees',
  )[1]!;
  const files = [fileOf('link', 'b/run', '120000'), fileOf('b/run', 'echo\n', '100755'), fileOf('b-c', '')];

  test.each([
    ['a tree', undefined],
    ['a confidential tree', SECRET],
  ])('are those of %s', (_, secret) => {
    const tree = new SourceTree(files, secret);
    const { root, ...rest } = tree.summary;
    expect(section).toContain(`\n${linesOf(tree).join('\n')}\n\nroot ${hex(root)}\n`);
    expect(rest).toEqual({ files: 3, size: 10, ...(secret && { salted: true }) });

    const hash = (...parts: Uint8Array[]): Uint8Array => sha256(Buffer.concat(parts));
    const [first, second, third] = linesOf(tree).map((line) => hash(Uint8Array.of(0), bytes(line)));
    const pair = hash(Uint8Array.of(1), first!, second!);
    expect(hex(root)).toBe(hex(hash(Uint8Array.of(1), pair, third!)));
  });
});

test('files stand in the order of the bytes of their whole paths', () => {
  const tree = new SourceTree(FILES);
  expect(Array.from(tree.files(), ({ path }) => Buffer.from(path).toString('latin1'))).toEqual([
    'a-b',
    'a/b',
    'a/b c',
    'z',
    'z\xff',
  ]);
  expect(hex(new SourceTree(FILES.toReversed()).summary.root)).toBe(hex(tree.summary.root));
});

test('roots and proofs are those of RFC 6962 for trees of 1 to 70 files', async () => {
  for (let size = 1; size <= 70; size++) {
    const files = Array.from({ length: size }, (_, i) => fileOf(`${String(i).padStart(3, '0')}`, `content ${i}`));
    const tree = new SourceTree(files);
    const reference = new ReferenceTree(files.map(formatSourceLine));
    expect(hex(tree.summary.root)).toBe(hex(reference.root(size)));
    for (const [index, { path }] of files.entries()) {
      const file = await tree.prove(path);
      expect(file.proof.map(hex)).toEqual(reference.path(index, 0, size).map(hex));
      expect(verifyFileProof({ tree: tree.summary, file })).toEqual(files[index]);
    }
  }
});

describe('a tree is refused', () => {
  test.each([
    ['without files', []],
    ['with one path twice', ['a', 'b', 'a']],
    ['with a path that is a file and a directory', ['a', 'a-b', 'a/b']],
    ['with such a path further down', ['x/a', 'x/a-', 'x/a/b/c/d', 'x/z']],
    ['with such a path between directories', ['a/b/c', 'a/b.c', 'a/b', 'a/c/d']],
  ])('%s', async (_, paths) => {
    expect(await codeOf(() => new SourceTree(paths.map((path) => fileOf(path))))).toBe('source-unrepresentable');
  });

  test('exactly for a path twice, or a file that is also a directory, among any paths', async () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '0'), minLength: 1, maxLength: 2 });
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
    const property = fc.asyncProperty(fc.array(path, { minLength: 1, maxLength: 6 }), async (paths) => {
      const make = (): SourceTree => new SourceTree(paths.map((each) => fileOf(each)));
      const isBad = paths.some((a, i) => paths.some((b, j) => (i < j && a === b) || b.startsWith(`${a}/`)));
      if (isBad) expect(await codeOf(make)).toBe('source-unrepresentable');
      else expect(make().summary.files).toBe(paths.length);
    });
    await fc.assert(property, { numRuns: 1000 });
  });

  test('or accepted, without long thought about many deep directories', () => {
    const top = 'a/'.repeat(1500);
    const files = Array.from({ length: 1500 }, (_, i) => fileOf(`${top}${i}/file`));
    expect(new SourceTree(files).summary.files).toBe(1500);
  }, 20_000);

  test('with a secret of another length', () => {
    expect(() => new SourceTree(FILES, new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('the proof of a file', () => {
  const tree = new SourceTree(FILES);
  const confidential = new SourceTree(FILES, SECRET);

  test('is not made for a file that is not there', async () => {
    for (const path of ['a', 'a/', 'b', '', 'zz', 'zzz', 'A-B']) {
      expect(await codeOf(() => tree.prove(bytes(path))), path).toBe('source-missing');
    }
  });

  test('is refused after any change of one bit, or with another tree', async () => {
    for (const [one, other] of [
      [tree, confidential],
      [confidential, tree],
    ] as const) {
      for (const { path } of FILES) {
        const file = await one.prove(path);
        const refused = async (changed: Partial<FileProof>, summary = one.summary): Promise<void> => {
          await refusalOf(() => verifyFileProof({ tree: summary, file: { ...file, ...changed } }));
        };
        for (let bit = 0; bit < 8 * file.line.length; bit++) {
          await refused({ line: file.line.with(bit >> 3, file.line[bit >> 3]! ^ (1 << (bit & 7))) });
        }
        for (const [i, hash] of file.proof.entries())
          await refused({ proof: file.proof.with(i, hash.with(0, hash[0]! ^ 1)) });
        await refused({ proof: file.proof.slice(1) });
        await refused({ proof: [...file.proof, new Uint8Array(32)] });
        await refused({}, other.summary);
        const root = one.summary.root;
        await refused({}, { ...one.summary, root: root.with(0, root[0]! ^ 1) });
      }
    }
  });

  test('is refused at another index', async () => {
    const file = await tree.prove(bytes('a/b'));
    for (const index of [0, 2, 3, 4]) {
      expect(await codeOf(() => verifyFileProof({ tree: tree.summary, file: { ...file, index } }))).toMatch(/^proof-/);
    }
    for (const index of [5, -1, 0.5]) {
      expect(await codeOf(() => verifyFileProof({ tree: tree.summary, file: { ...file, index } }))).toBe('proof-range');
    }
  });

  test('is refused for a tree of another size than the statement says, on either side', async () => {
    const file = await tree.prove(bytes('a/b'));
    for (const files of [0, 4, 6, 8]) {
      expect(await codeOf(() => verifyFileProof({ tree: tree.summary, file: { ...file, files } }))).toBe(
        'statement-proof-mismatch',
      );
      expect(await codeOf(() => verifyFileProof({ tree: { ...tree.summary, files }, file }))).toBe(
        'statement-proof-mismatch',
      );
    }
  });

  test('is refused for another path, mode, size or digest', async () => {
    const file = await tree.prove(bytes('a/b'));
    const said = parseSourceLine(file.line, { salted: false });
    const lies: Partial<SourceFile>[] = [
      { path: bytes('a/c') },
      { mode: '100755' },
      { mode: '120000' },
      { size: 2 },
      { sha256: sha256(bytes('2')) },
      { salt: new Uint8Array(16) },
    ];
    for (const lie of lies) {
      const line = formatSourceLine({ ...said, ...lie });
      expect(await codeOf(() => verifyFileProof({ tree: tree.summary, file: { ...file, line } }))).toBe(
        'proof-mismatch',
      );
    }
  });

  test('cannot pass off an inner node as a file', async () => {
    const [first, second] = linesOf(tree).map((line) => leafHash(Buffer.from(line, 'latin1')));
    const file = await tree.prove(bytes('a/b c'));
    const line = new Uint8Array(Buffer.concat([first!, second!]));
    expect(await codeOf(() => verifyFileProof({ tree: tree.summary, file: { ...file, line } }))).toBe(
      'statement-proof-malformed',
    );
  });

  test('reads the end of a path as a salt only where the statement says that there are salts', async () => {
    const salt = 'ab'.repeat(16);
    const plain = new SourceTree([fileOf(`keys ${salt}`, 'x'), fileOf('other')]);
    const file = await plain.prove(bytes(`keys ${salt}`));
    expect(Buffer.from(verifyFileProof({ tree: plain.summary, file }).path).toString()).toBe(`keys ${salt}`);
    const without = await plain.prove(bytes('other'));
    expect(await codeOf(() => verifyFileProof({ tree: { ...plain.summary, salted: true }, file: without }))).toBe(
      'statement-proof-malformed',
    );

    const salted = new SourceTree([fileOf('keys', 'x'), fileOf('other')], SECRET);
    const shown = verifyFileProof({ tree: salted.summary, file: await salted.prove(bytes('keys')) });
    expect(Buffer.from(shown.path).toString()).toBe('keys');
    expect(hex(shown.salt!)).toBe(hex(pathSalt(SECRET, bytes('keys'))));
  });
});

describe('a confidential tree', () => {
  test('has one root for one secret, and another for another', () => {
    const root = (secret?: Uint8Array): string => hex(new SourceTree(FILES, secret).summary.root);
    expect(root(SECRET)).toBe(root(new Uint8Array(SECRET)));
    expect(new Set([root(), root(SECRET), root(SECRET.with(31, 0)), root(new Uint8Array(32))]).size).toBe(4);
  });

  test('tells whoever sees a proof nothing by which the guess of another file could be tested', async () => {
    const guess = FILES[2]!;
    const plain = await new SourceTree(FILES).prove(bytes('a/b'));
    const isSeen = ({ proof }: FileProof, line: Uint8Array): boolean =>
      proof.some((hash) => equalBytes(hash, leafHash(line)));
    expect(isSeen(plain, formatSourceLine(guess))).toBe(true);

    const shown = await new SourceTree(FILES, SECRET).prove(bytes('a/b'));
    const { salt } = parseSourceLine(shown.line, { salted: true });
    expect(isSeen(shown, formatSourceLine(guess))).toBe(false);
    expect(isSeen(shown, formatSourceLine({ ...guess, salt: salt! }))).toBe(false);
    expect(isSeen(shown, formatSourceLine({ ...guess, salt: pathSalt(SECRET, guess.path) }))).toBe(true);
    const all = Buffer.concat([shown.line, ...shown.proof]).toString('hex');
    expect(all).not.toContain(hex(SECRET));
    for (const { path } of FILES.filter((file) => file.path !== FILES[1]!.path)) {
      expect(all).not.toContain(hex(bytes(hex(pathSalt(SECRET, path)))));
    }
  });

  test('does not change with the secret that it was given', async () => {
    const secret = new Uint8Array(SECRET);
    const tree = new SourceTree(FILES, secret);
    secret.fill(0);
    expect(verifyFileProof({ tree: tree.summary, file: await tree.prove(bytes('z')) }).size).toBe(0);
  });
});

test('what a tree hands out can be changed without changing the tree', async () => {
  const tree = new SourceTree(FILES, SECRET);
  const before = hex(tree.summary.root);
  tree.summary.root.fill(0);
  for (const { path, sha256: digest } of tree.files()) {
    path.fill(0x2e);
    digest.fill(0);
  }
  const file = await tree.prove(bytes('a/b'));
  for (const hash of file.proof) hash.fill(0);
  file.line.fill(0);
  verifyFileProof({ tree: tree.summary, file: await tree.prove(bytes('a/b')) });
  expect(hex(tree.summary.root)).toBe(before);
});

test('any set of paths that a directory can have gives the tree of the reference, and every file its proof', async () => {
  const names = fc.constantFrom('a', 'b', 'a-b', 'a.b', 'B', 'é', ' ', '\n', 'a b');
  const some = fc.uniqueArray(
    fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    {
      minLength: 1,
      maxLength: 20,
    },
  );
  await fc.assert(
    fc.asyncProperty(some, fc.boolean(), async (paths, salted) => {
      const kept = paths.filter((path) => !paths.some((other) => path.startsWith(`${other}/`)));
      const files = kept.map((path) => fileOf(path, path));
      const tree = new SourceTree(files, salted ? SECRET : undefined);
      const lines = files
        .map((file) => ({ ...file, ...(salted && { salt: pathSalt(SECRET, file.path) }) }))
        .sort((a, b) => Buffer.compare(a.path, b.path))
        .map(formatSourceLine);
      expect(hex(tree.summary.root)).toBe(hex(new ReferenceTree(lines).root(lines.length)));
      for (const { path } of files) verifyFileProof({ tree: tree.summary, file: await tree.prove(path) });
      if (kept.length < paths.length) {
        expect(await codeOf(() => new SourceTree(paths.map((path) => fileOf(path))))).toBe('source-unrepresentable');
      }
    }),
  );
});
