import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { ARCHIVE_LIMITS } from '../../src/artifact-diff/archive-member.ts';
import {
  type ArchiveComparison,
  type CompareArchivesOptions,
  compareArchives,
  type NotComparable,
} from '../../src/artifact-diff/compare-archives.ts';
import { makeGzip, makeTar, makeZip } from './archives.ts';

const directory = mkdtempSync(join(tmpdir(), 'vitrine-diff-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function compare(
  theirs: Uint8Array,
  mine: Uint8Array,
  options?: CompareArchivesOptions,
): Promise<ArchiveComparison | NotComparable> {
  const [a, b] = [join(directory, 'theirs'), join(directory, 'mine')];
  writeFileSync(a, theirs);
  writeFileSync(b, mine);
  return compareArchives(a, b, options);
}

async function compared(theirs: Uint8Array, mine: Uint8Array): Promise<ArchiveComparison> {
  const result = await compare(theirs, mine);
  if ('reason' in result) throw new Error(result.reason);
  return result;
}

const sha256 = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest());

test('two tar files are compared by their members', async () => {
  const theirs = await makeTar([
    { name: 'same', content: 'same' },
    { name: 'only-theirs', content: 'x' },
    { name: 'content', content: 'one' },
    { name: 'mode', mode: 0o644 },
    { name: 'time', mtime: new Date(1000) },
    { name: 'owner', uid: 0, gid: 0, uname: 'root', gname: 'root' },
    { name: 'link', type: 'symlink', linkname: 'a' },
    { name: 'type', type: 'file' },
  ]);
  const mine = await makeTar([
    { name: 'same', content: 'same' },
    { name: 'content', content: 'other' },
    { name: 'mode', mode: 0o755 },
    { name: 'time', mtime: new Date(2000) },
    { name: 'owner', uid: 1000, gid: 0, uname: 'root', gname: 'root' },
    { name: 'link', type: 'symlink', linkname: 'b' },
    { name: 'type', type: 'directory' },
    { name: 'only-mine' },
  ]);
  const { format, members, differences, reordered, header } = await compared(theirs, mine);
  expect({ format, members, reordered, header }).toEqual({
    format: 'tar',
    members: [8, 8],
    reordered: false,
    header: [],
  });
  expect(differences.map(({ path, aspects, theirs, mine }) => [path, aspects, !!theirs, !!mine])).toEqual([
    ['only-theirs', [], true, false],
    ['content', ['content'], true, true],
    ['mode', ['mode'], true, true],
    ['time', ['mtime'], true, true],
    ['owner', ['owner'], true, true],
    ['link', ['target'], true, true],
    ['type', ['type'], true, true],
    ['only-mine', [], false, true],
  ]);
  expect(differences[1]).toEqual({
    path: 'content',
    aspects: ['content'],
    theirs: { path: 'content', type: 'file', size: 3, sha256: sha256('one'), mode: 0o644, mtime: 1.7e9, owner: '0:0' },
    mine: { path: 'content', type: 'file', size: 5, sha256: sha256('other'), mode: 0o644, mtime: 1.7e9, owner: '0:0' },
  });
});

test('two zip files are compared by their members', async () => {
  const theirs = makeZip([
    { name: 'same', content: 'same' },
    { name: 'content', content: 'one', level: 9 },
    { name: 'mode', mode: 0o100755 },
    { name: 'time', time: 0x5757_6001 },
    { name: 'compression', content: 'a'.repeat(1000), method: 0 },
    { name: 'link', content: 'same', mode: 0o120777 },
    { name: 'only-theirs/' },
  ]);
  const mine = makeZip([
    { name: 'same', content: 'same' },
    { name: 'content', content: 'two', level: 1 },
    { name: 'mode', mode: 0o100644 },
    { name: 'time', time: 0x5757_6002 },
    { name: 'compression', content: 'a'.repeat(1000) },
    { name: 'link', content: 'same', mode: 0o100777 },
    { name: '../../only-mine' },
  ]);
  const { format, differences } = await compared(theirs, mine);
  expect(format).toBe('zip');
  expect(differences.map(({ path, aspects }) => [path, aspects])).toEqual([
    ['content', ['content']],
    ['mode', ['mode']],
    ['time', ['mtime']],
    ['compression', ['compression']],
    ['link', ['type']],
    ['only-theirs/', []],
    ['../../only-mine', []],
  ]);
  expect(differences[2]!.theirs!.mtime).toBe(Date.UTC(2023, 9, 23, 12, 0, 2) / 1000);
  expect(differences[3]!.theirs!.compression).toBe('stored, 1000 bytes');
  expect(differences[5]!.theirs!.type).toBe('directory');
});

test('members that are encrypted, or compressed in an unknown way, are compared by the bytes that are there', async () => {
  const encrypted = (content: string): Buffer =>
    makeZip([{ name: 'secret', content: `twelve bytes${content}`, method: 99, flags: 1 }]);
  expect((await compared(encrypted('a'), encrypted('a'))).differences).toEqual([]);
  const { differences } = await compared(encrypted('a'), encrypted('b'));
  expect(differences).toMatchObject([
    { path: 'secret', aspects: ['content'], theirs: { compression: 'method 99, encrypted, 13 bytes' } },
  ]);
});

test('names of a zip file that are no UTF-8 stay apart', async () => {
  const { differences } = await compared(makeZip([{ name: 'a\xff' }]), makeZip([{ name: 'a\xfe' }]));
  expect(differences.map(({ path }) => path)).toEqual(['a\xff', 'a\xfe']);
});

test('the order of members, and members of one name, are told apart', async () => {
  const a = { name: 'a', content: '1' };
  const again = { name: 'a', content: '2' };
  const b = { name: 'b' };
  expect(await compared(await makeTar([a, b]), await makeTar([b, a]))).toMatchObject({
    differences: [],
    reordered: true,
  });
  expect(await compared(await makeTar([a, b]), await makeTar([{ name: 'c' }, a, b]))).toMatchObject({
    reordered: false,
  });
  const { differences } = await compared(await makeTar([a, again]), await makeTar([again, a]));
  expect(differences.map(({ path, aspects }) => [path, aspects])).toEqual([
    ['a', ['content']],
    ['a', ['content']],
  ]);
  expect((await compared(await makeTar([a, again]), await makeTar([a]))).differences).toMatchObject([
    { path: 'a', theirs: { size: 1 }, aspects: [] },
  ]);
});

test('gzip files are looked into, and their own headers compared', async () => {
  const theirs = await makeTar([{ name: 'a', content: '1' }]);
  const mine = await makeTar([{ name: 'a', content: '2' }]);
  expect(await compared(gzipSync(theirs), gzipSync(mine))).toMatchObject({
    format: 'tar.gz',
    differences: [{ path: 'a', aspects: ['content'] }],
    header: [],
  });
  const headers = await compared(makeGzip(theirs, { mtime: 5, name: 'x.tar' }), makeGzip(theirs, { os: 0 }));
  expect(headers).toMatchObject({
    differences: [],
    header: [
      { field: 'name', theirs: 'x.tar', mine: 'none' },
      { field: 'mtime', theirs: '5', mine: '0' },
      { field: 'os', theirs: '3', mine: '0' },
    ],
  });
  const text = (content: string): Buffer => gzipSync(Buffer.from(content));
  expect(await compared(text('one'), text('three'))).toMatchObject({
    format: 'gzip',
    differences: [{ path: '', aspects: ['content'], theirs: { size: 3, sha256: sha256('one') }, mine: { size: 5 } }],
  });
});

test('what cannot be compared says why', async () => {
  const zip = makeZip([{ name: 'a', content: 'hello hello hello' }]);
  const tar = await makeTar([{ name: 'a', content: 'x'.repeat(2000) }]);
  const cases: [Uint8Array, Uint8Array, RegExp][] = [
    [Buffer.from('ELF'), zip, /^theirs is not a zip, tar or gzip file$/],
    [zip, Buffer.alloc(0), /^mine is not a zip, tar or gzip file$/],
    [zip, tar, /^theirs is a zip file, mine a tar file$/],
    [gzipSync(tar), tar, /^theirs is a tar.gz file, mine a tar file$/],
    [zip.subarray(0, -3), zip, /^theirs cannot be read as an archive: /],
    [tar.subarray(0, 1500), tar, /^theirs cannot be read as an archive: /],
    [tar, Buffer.from(tar).fill(0xff, 0, 100), /^mine cannot be read as an archive: /],
    [gzipSync(tar).subarray(0, -30), tar, /^theirs cannot be read as an archive: /],
    [gzipSync(Buffer.from('text')).subarray(0, 15), tar, /^theirs cannot be read as an archive: /],
  ];
  for (const [theirs, mine, reason] of cases) {
    expect(await compare(theirs, mine)).toEqual({ reason: expect.stringMatching(reason) });
  }
});

test('an archive that expands without end, or lists members without end, is given up', async () => {
  const bomb = gzipSync(Buffer.alloc(4_000_000));
  const limits = { ...ARCHIVE_LIMITS, bytes: 1_000_000 };
  const reason = 'theirs cannot be read as an archive: it expands to more than 1000000 bytes';
  expect(await compare(bomb, bomb, { limits })).toEqual({ reason });
  const tarBomb = gzipSync(await makeTar([{ name: 'a', content: 'a'.repeat(4_000_000) }]));
  expect(await compare(tarBomb, bomb, { limits })).toEqual({ reason });
  const zipBomb = makeZip([{ name: 'a', content: 'a'.repeat(4_000_000) }]);
  expect(await compare(zipBomb, bomb, { limits })).toEqual({ reason });

  const many = Array.from({ length: 11 }, (_, i) => ({ name: `${i}` }));
  const few = { ...ARCHIVE_LIMITS, members: 10 };
  for (const archive of [makeZip(many), await makeTar(many)]) {
    expect(await compare(archive, archive, { limits: few })).toEqual({
      reason: 'theirs cannot be read as an archive: it has more than 10 members',
    });
  }
  const long = await makeTar([{ name: 'a', type: 'symlink', linkname: 'b'.repeat(500) }]);
  expect(await compare(long, long, { limits: { ...ARCHIVE_LIMITS, pathBytes: 400 } })).toEqual({
    reason: 'theirs cannot be read as an archive: its paths have more than 400 bytes',
  });
});

test('an abort does not wait for the end of a member', async () => {
  const zip = makeZip([{ name: 'a', content: 'a'.repeat(100_000) }]);
  const signal = AbortSignal.abort(new Error('enough'));
  // Somebody who read on would come to the limit first.
  await expect(compare(zip, zip, { signal, limits: { ...ARCHIVE_LIMITS, bytes: 10 } })).rejects.toThrow('enough');
});

/** Gives the first member of a tar file another size, in octal. */
function resize(tar: Buffer, size: string): void {
  const header = tar.subarray(0, 512);
  header.write(`${size.padStart(11, '0')}\0`, 124, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

test('an extended header of a tar file that claims to be enormous is refused, not kept', async () => {
  const tar = await makeTar([{ name: `${'long/'.repeat(60)}name` }]);
  expect(tar[156]).toBe('x'.charCodeAt(0));
  resize(tar, '77777777777');
  expect(await compare(tar, tar)).toEqual({
    reason: 'theirs cannot be read as an archive: Header exceeds max size',
  });
});

test('a directory of a tar file that claims to have a content is refused, not waited for', async () => {
  const tar = await makeTar([{ name: 'a/', type: 'directory' }]);
  resize(tar, '5');
  expect(await compare(tar, tar)).toEqual({
    reason: 'theirs cannot be read as an archive: its directory "a/" has a size',
  });
});

test('a damaged archive never does more than say so', async () => {
  const archives = [
    makeZip([{ name: 'a', content: 'hello' }, { name: 'b/' }]),
    await makeTar([{ name: 'a', content: 'hello' }, { name: 'x'.repeat(200) }]),
    gzipSync(await makeTar([{ name: 'a', content: 'hello' }])),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...archives),
      fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
      async (archive, changes) => {
        const damaged = Buffer.from(archive);
        for (const [at, byte] of changes) damaged[at % damaged.length] = byte;
        const result = await compare(archive, damaged);
        expect('reason' in result ? result.reason : result.format).toMatch(/./);
      },
    ),
    { numRuns: 300 },
  );
});

test('a comparison stops where it is told to', async () => {
  const tar = await makeTar([{ name: 'a' }]);
  await expect(compare(tar, tar, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
  await expect(compareArchives(join(directory, 'none'), join(directory, 'none'))).rejects.toThrow(/ENOENT/);
});
