import { expect, test } from 'vitest';
import { formatManifest, parseManifest } from '../../src/statement/manifest.ts';

const HASH = 'ab'.repeat(32);
const parse = (text: string): ReturnType<typeof parseManifest> => parseManifest(Buffer.from(text), 'list');

test('what is written as a manifest is read again', () => {
  const sha256 = new Uint8Array(Buffer.from(HASH, 'hex'));
  const artifacts = [
    { name: 'a name', size: 0, sha256 },
    { name: 'b/c.txt', size: Number.MAX_SAFE_INTEGER, sha256 },
  ];
  expect(parseManifest(formatManifest(artifacts), 'list')).toEqual(artifacts);
});

test.each([
  ['', 'list does not end with a newline'],
  [`${HASH} 1 a`, 'list does not end with a newline'],
  ['\n', 'list: line 1 is not "<sha256> <size> <name>"'],
  [`${HASH} 01 a\n`, 'list: line 1 is not "<sha256> <size> <name>"'],
  [`${HASH.toUpperCase()} 1 a\n`, 'list: line 1 is not "<sha256> <size> <name>"'],
  [`${HASH} 9007199254740992 a\n`, 'list: line 1 has a size beyond 2^53 - 1'],
  [`${HASH} 1 b\n${HASH} 1 a\n`, 'list: line 2 is out of order, or names a file again'],
  [`${HASH} 1 a\n${HASH} 1 a\n`, 'list: line 2 is out of order, or names a file again'],
  ...['../a', '/a', 'a//b', 'a/', 'a/../b', '.', 'a\\b', 'a\r'].map((name): [string, string] => [
    `${HASH} 1 ${name}\n`,
    'list: line 1 has a name that is not one of a file below a directory',
  ]),
])('a manifest that is none is refused: %j', (text, message) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'manifest-malformed', message }));
});

test('a manifest that is not UTF-8 is refused', () => {
  expect(() => parseManifest(Buffer.of(0xff, 0x0a), 'list')).toThrow('list is not UTF-8');
});
