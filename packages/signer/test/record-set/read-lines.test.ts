import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_RECORD_SIZE, readRecords } from '@vitrine/signer/node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordLines } from '../../src/record-set/record-lines.ts';
import { openRegular } from '../../src/record-set/regular-file.ts';
import { recordsOf, temporaryDirectory } from './support.ts';

const LINES = { reader: 'lines' } as const;
const malformed = expect.objectContaining({ name: 'SignerError', code: 'records-malformed' });

/** Reads content that arrives in pieces of `size` bytes. */
async function linesOf(content: Uint8Array, size: number, format = {}): Promise<string[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
  }
  async function* sources(): AsyncGenerator<{ name: string; chunks: AsyncIterable<Uint8Array> }> {
    yield { name: 'rules', chunks: chunks() };
  }
  const lines: string[] = [];
  for await (const line of recordLines(sources(), format)) lines.push(Buffer.from(line).toString('latin1'));
  return lines;
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('lines as records', () => {
  test('are the bytes between line feeds, wherever the file is cut in reading', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '#', ' ', '\r', '\n', '\xff'), maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 10 }), async (content, size) => {
        const lines = content.split('\n');
        const last = lines.pop()!;
        const expected = [...lines.map((line) => line.replace(/\r$/, '')), last].filter((line) => line !== '');
        expect(await linesOf(latin1(content), size)).toEqual(expected);
      }),
    );
  });

  test('lack LF, or one CR and LF, at their end, and the last one may lack a line feed', async () => {
    const found = await linesOf(latin1('a\nb\r\nc\r\r\nd\re\nf\r'), 3);
    expect(found).toEqual(['a', 'b', 'c\r', 'd\re', 'f\r']);
  });

  test('have at least one byte; blank ones are records unless the format leaves them out', async () => {
    const content = latin1('a\n\n \t\n\r\n\v\f\nb');
    expect(await linesOf(content, 100)).toEqual(['a', ' \t', '\v\f', 'b']);
    expect(await linesOf(content, 100, { skipBlank: true })).toEqual(['a', 'b']);
    // A no-break space is no white space here.
    expect(await linesOf(latin1('\xa0\n'), 100, { skipBlank: true })).toEqual(['\xa0']);
  });

  test('are no comments where the format has them, and only there', async () => {
    const content = latin1('#a\n  \t# b\nc # d\n##\n/ e\n// f\n  //\n   \n#');
    expect(await linesOf(content, 4)).toHaveLength(9);
    expect(await linesOf(content, 4, { comment: '#' })).toEqual(['c # d', '/ e', '// f', '  //', '   ']);
    expect(await linesOf(content, 4, { comment: '//' })).toEqual(['#a', '  \t# b', 'c # d', '##', '/ e', '   ', '#']);
    expect(await linesOf(content, 4, { comment: '# b', skipBlank: true })).toHaveLength(7);
  });

  test.each(['', ' #', '123456789', 'é', '#\n'])('have no comments that begin with %j', async (comment) => {
    await expect(linesOf(latin1('a'), 1, { comment })).rejects.toThrow(RangeError);
  });

  test('are read up to the largest size and refused above it, whether they come at once or in pieces', async () => {
    const largest = new Uint8Array(MAX_RECORD_SIZE).fill(0x61);
    for (const size of [1024 * 1024, Number.MAX_SAFE_INTEGER]) {
      const lengths = async (...parts: Uint8Array[]): Promise<number[]> =>
        (await linesOf(Buffer.concat(parts), size)).map((line) => line.length);
      expect(await lengths(largest)).toEqual([MAX_RECORD_SIZE]);
      expect(await lengths(largest, latin1('\nb'))).toEqual([MAX_RECORD_SIZE, 1]);
      await expect(lengths(largest, latin1('a'))).rejects.toThrow(malformed);
      await expect(lengths(largest, latin1('a\n'))).rejects.toThrow(/line 1 /);
      await expect(lengths(latin1('b\n'), largest, latin1('a\n'))).rejects.toThrow(/line 2 /);
    }
  });
});

describe('a database of lines', () => {
  test('is a file', async () => {
    const path = join(temporaryDirectory(), 'rules');
    writeFileSync(path, 'a\r\n# b\n\nc');
    expect(await recordsOf(path, LINES)).toEqual(['a', '# b', 'c']);
    expect(await recordsOf(path, { ...LINES, comment: '#' })).toEqual(['a', 'c']);
  });

  test('may be larger than what is read at once', async () => {
    const path = join(temporaryDirectory(), 'rules');
    const lines = Array.from({ length: 50_000 }, (_, i) => `rule ${i}`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    expect(await recordsOf(path, LINES)).toEqual(lines);
  });

  test('is all files below a directory, in the order of the bytes of their paths, whatever these are', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'b', 'c'), { recursive: true });
    mkdirSync(join(directory, 'empty'));
    const files = { 'b/c/1': 'third', 'b/0': 'second', 'b-': 'first', B: 'zero\n', empty1: '' };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/b/`), Buffer.of(0xff)]), 'fourth');
    expect(await recordsOf(directory, LINES)).toEqual(['zero', 'first', 'second', 'third', 'fourth']);
  });

  test('has no links and no named pipes in its directory', async () => {
    for (const make of [
      (path: string) => symlinkSync('/dev/null', path),
      (path: string) => symlinkSync('rules', path),
      (path: string) => execFileSync('mkfifo', [path]),
    ]) {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, 'rules'), 'a');
      mkdirSync(join(directory, 'more'));
      make(join(directory, 'more', 'other'));
      await expect(recordsOf(directory, LINES)).rejects.toThrow(malformed);
    }
  });

  test('is no named pipe and no device', async () => {
    const pipe = join(temporaryDirectory(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(recordsOf(pipe, LINES)).rejects.toThrow(malformed);
    await expect(recordsOf('/dev/zero', LINES)).rejects.toThrow(malformed);
  });

  test('follows no link that took the place of a file after the directory was listed', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'rules'), 'a');
    symlinkSync('rules', join(directory, 'link'));
    await expect(openRegular(join(directory, 'link'), { follow: false })).rejects.toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
  });

  test('may be named by a link, and a missing one is what the system says', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'rules.d'));
    writeFileSync(join(directory, 'rules.d', 'a'), 'a');
    symlinkSync('rules.d', join(directory, 'latest'));
    symlinkSync('rules.d/a', join(directory, 'file'));
    expect(await recordsOf(join(directory, 'latest'), LINES)).toEqual(['a']);
    expect(await recordsOf(join(directory, 'file'), LINES)).toEqual(['a']);
    await expect(recordsOf(join(directory, 'none'), LINES)).rejects.toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });

  test('is closed when the reader stops early', async () => {
    const path = join(temporaryDirectory(), 'rules');
    writeFileSync(path, 'a\n'.repeat(100_000));
    const handle = await open(path);
    const { fd } = handle;
    await handle.close();
    for await (const _ of readRecords(path, LINES)) break;
    // The lowest free descriptor is the same again.
    const next = await open(path);
    expect(next.fd).toBe(fd);
    await next.close();
  });
});
