import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayPath, formatSourceLine, parseSourceLine, pathSalt, type SourceFile } from '../../src/index.ts';
import { bytes, fileOf, hex, refusalOf } from './support.ts';

const text = (line: Uint8Array): string => Buffer.from(line).toString('latin1');
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const SALT = '000102030405060708090a0b0c0d0e0f';

// Any bytes that are no zero and no slash, and are not one of the three reserved names.
const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((data) => data.map((byte) => (byte === 0 || byte === 0x2f ? 0x0a : byte)))
  .filter((data) => !['.', '..', '.git'].includes(text(data)));
const path = fc
  .array(name, { minLength: 1, maxLength: 5 })
  .map((names) => new Uint8Array(Buffer.concat(names.flatMap((part, i) => (i === 0 ? [part] : [bytes('/'), part])))));
const file = fc.record<SourceFile>({
  mode: fc.constantFrom('100644', '100755', '120000'),
  sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  size: fc.maxSafeNat(),
  path,
});
const salt = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('a line has mode, digest, size and path, and a salt at its end if the tree is confidential', () => {
  const abc = fileOf('src/a b', 'abc', '100755');
  expect(text(formatSourceLine(abc))).toBe(`100755 ${ABC} 3 src/a b`);
  expect(text(formatSourceLine({ ...abc, salt: Buffer.from(SALT, 'hex') }))).toBe(`100755 ${ABC} 3 src/a b ${SALT}`);
});

test('every file is read back from its line, whatever the bytes of its path', () => {
  fc.assert(
    fc.property(file, salt, (plain, salted) => {
      expect(parseSourceLine(formatSourceLine(plain), { salted: false })).toEqual(plain);
      const confidential = { ...plain, salt: salted };
      expect(parseSourceLine(formatSourceLine(confidential), { salted: true })).toEqual(confidential);
    }),
  );
});

test('whatever is read as a line is written as the same bytes', () => {
  const parts = fc.constantFrom('1', '0', '00', ' ', 'a', 'A', '/', '.', '\n', '\0', '100644 ', `${ABC} `, ` ${SALT}`);
  const line = fc.oneof(
    fc.array(parts, { maxLength: 12 }).map((all) => `100644 ${ABC} ${all.join('')}`),
    fc.array(parts, { maxLength: 12 }).map((all) => all.join('')),
  );
  let read = 0;
  fc.assert(
    fc.property(line, fc.boolean(), (candidate, salted) => {
      let parsed: SourceFile;
      try {
        parsed = parseSourceLine(bytes(candidate), { salted });
      } catch {
        return;
      }
      read += 1;
      expect(text(formatSourceLine(parsed))).toBe(candidate);
    }),
    { numRuns: 2000 },
  );
  expect(read).toBeGreaterThan(10);
});

describe('a line is refused', () => {
  const salted = ` ${SALT}`;
  test.each([
    ['that is empty', ''],
    ['of another mode', `100664 ${ABC} 3 a`],
    ['of a submodule', `160000 ${ABC} 3 a`],
    ['of a directory', `040000 ${ABC} 3 a`],
    ['with a digest in upper case', `100644 ${ABC.toUpperCase()} 3 a`],
    ['with a shorter digest', `100644 ${ABC.slice(2)} 3 a`],
    ['with another digest', `100644 ${ABC}00 3 a`],
    ['with two spaces', `100644  ${ABC} 3 a`],
    ['with a tab', `100644 ${ABC}\t3 a`],
    ['without a size', `100644 ${ABC} a`],
    ['with a size that begins with a zero', `100644 ${ABC} 03 a`],
    ['with a size with a sign', `100644 ${ABC} +3 a`],
    ['with a size above 2^53 - 1', `100644 ${ABC} 9007199254740992 a`],
    ['with a size of many digits', `100644 ${ABC} 00000000000000000000003 a`],
    ['that ends with the size', `100644 ${ABC} 3`],
    ['without a path', `100644 ${ABC} 3 `],
    ['with an absolute path', `100644 ${ABC} 3 /a`],
    ['with the path of a directory', `100644 ${ABC} 3 a/`],
    ['with an empty name', `100644 ${ABC} 3 a//b`],
    ['with the name .', `100644 ${ABC} 3 a/./b`],
    ['with the name ..', `100644 ${ABC} 3 a/..`],
    ['with the name .git', `100644 ${ABC} 3 .git/config`],
    ['with a zero byte in its path', `100644 ${ABC} 3 a\0b`],
    ['with white space before it', ` 100644 ${ABC} 3 a`],
  ])('%s', async (_, line) => {
    const { code } = await refusalOf(() => parseSourceLine(bytes(line), { salted: false }));
    expect(code).toBe('statement-proof-malformed');
    const { code: withSalt } = await refusalOf(() => parseSourceLine(bytes(line + salted), { salted: true }));
    expect(withSalt).toBe('statement-proof-malformed');
  });

  test.each([
    ['without a salt', `100644 ${ABC} 3 a`],
    ['with a salt and no path', `100644 ${ABC} 3 ${SALT}`],
    ['with a salt, two spaces and no path', `100644 ${ABC} 3  ${SALT}`],
    ['with a salt in upper case', `100644 ${ABC} 3 a ${SALT.toUpperCase()}`],
    ['with a shorter salt', `100644 ${ABC} 3 a ${SALT.slice(2)}`],
    ['with a newline behind the salt', `100644 ${ABC} 3 a ${SALT}\n`],
    ['with another separator', `100644 ${ABC} 3 a\t${SALT}`],
  ])('of a confidential tree, %s', async (_, line) => {
    const { code } = await refusalOf(() => parseSourceLine(bytes(line), { salted: true }));
    expect(code).toBe('statement-proof-malformed');
  });

  test('of more than 65,535 bytes', async () => {
    const header = `100644 ${ABC} 3 `;
    const longest = header + 'a'.repeat(65_535 - header.length);
    expect(parseSourceLine(bytes(longest), { salted: false }).path).toHaveLength(65_535 - header.length);
    expect((await refusalOf(() => parseSourceLine(bytes(`${longest}a`), { salted: false }))).code).toBe(
      'statement-proof-malformed',
    );
    const path = 'a'.repeat(65_535 - header.length);
    expect(formatSourceLine(fileOf(path, 'abc'))).toHaveLength(65_535);
    expect((await refusalOf(() => formatSourceLine(fileOf(`${path}a`, 'abc')))).code).toBe('source-unrepresentable');
    expect((await refusalOf(() => formatSourceLine({ ...fileOf(path, 'abc'), salt: new Uint8Array(16) }))).code).toBe(
      'source-unrepresentable',
    );
  });
});

test('only a tree that is said to be confidential has salts: a path may end like one', () => {
  const line = bytes(`100644 ${ABC} 3 a ${SALT}`);
  const plain = parseSourceLine(line, { salted: false });
  expect(text(plain.path)).toBe(`a ${SALT}`);
  expect(plain).not.toHaveProperty('salt');
  const salted = parseSourceLine(line, { salted: true });
  expect([text(salted.path), hex(salted.salt!)]).toEqual(['a', SALT]);
});

test('what no line can say is not written', async () => {
  const abc = fileOf('a', 'abc');
  for (const path of ['', '/a', 'a/', 'a//b', '.', 'a/../b', '.git', 'a/.git/b', 'a\0']) {
    expect((await refusalOf(() => formatSourceLine(fileOf(path)))).code, path).toBe('source-unrepresentable');
  }
  for (const path of ['.gitignore', '...', 'a.git', '.gi', '.git ', ' ']) {
    expect(text(parseSourceLine(formatSourceLine(fileOf(path)), { salted: false }).path)).toBe(path);
  }
  expect(() => formatSourceLine({ ...abc, mode: '100664' as '100644' })).toThrow(RangeError);
  expect(() => formatSourceLine({ ...abc, sha256: new Uint8Array(31) })).toThrow(RangeError);
  expect(() => formatSourceLine({ ...abc, size: -1 })).toThrow(RangeError);
  expect(() => formatSourceLine({ ...abc, size: 0.5 })).toThrow(RangeError);
  expect(() => formatSourceLine({ ...abc, salt: new Uint8Array(15) })).toThrow(RangeError);
});

test('what is read does not change with the bytes that it was read from', () => {
  const line = formatSourceLine({ ...fileOf('a', 'abc'), salt: new Uint8Array(16) });
  const parsed = parseSourceLine(line, { salted: true });
  line.fill(0xff);
  expect(parsed).toEqual({ ...fileOf('a', 'abc'), salt: new Uint8Array(16) });
});

test('a salt is the beginning of the HMAC-SHA256 of the path', () => {
  // RFC 4231, test case 1, has a key of 20 bytes: HMAC fills it up with zeroes, so that one of 32 does the same.
  const key = new Uint8Array(32).fill(0x0b, 0, 20);
  expect(hex(pathSalt(key, bytes('Hi There')))).toBe('b0344c61d8db38535ca8afceaf0bf12b');
  expect(() => pathSalt(new Uint8Array(31), bytes('a'))).toThrow(RangeError);
  expect(() => pathSalt(new Uint8Array(33), bytes('a'))).toThrow(RangeError);
});

test('a path is shown to people so that it moves no cursor and fits a message', () => {
  expect(displayPath(bytes('src/größe.c'))).toBe('src/größe.c');
  expect(displayPath(Uint8Array.of(0x61, 0x0a, 0x1b, 0xff))).toBe('a\\x0a\\x1b\\xff');
  expect(displayPath(bytes('a'.repeat(600)))).toBe(`${'a'.repeat(512)}…`);
});
