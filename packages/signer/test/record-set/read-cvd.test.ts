import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { MAX_RECORD_SIZE, readRecords } from '@vitrine/signer/node';
import { describe, expect, test } from 'vitest';
import { containerOf, recordsOf, tarOf, temporaryDirectory } from './support.ts';

const CVD = { reader: 'cvd' } as const;
const malformed = expect.objectContaining({ name: 'SignerError', code: 'records-malformed' });

const tar = await tarOf([
  [{ name: 'COPYING' }, 'a licence\n'],
  [{ name: 'main.info' }, 'ClamAV-VDB:...\n'],
  [{ name: 'main.hdb' }, '44d88612fea8a8f36de82e1278abb02f:68:Eicar\n'],
  [{ name: 'main.ndb' }, '# two\r\nTest.One:0:*:deadbeef\r\nTest.Two:0:*:cafebabe'],
  [{ name: 'main.fp' }, ''],
]);
const RECORDS = [
  '44d88612fea8a8f36de82e1278abb02f:68:Eicar',
  '# two',
  'Test.One:0:*:deadbeef',
  'Test.Two:0:*:cafebabe',
];

function written(content: Uint8Array): string {
  const path = join(temporaryDirectory(), 'main.cud');
  writeFileSync(path, content);
  return path;
}

/** A tar file as ClamAV writes it: headers without a magic, and nothing behind the last member. */
async function plainTar(name: string, content: string): Promise<Buffer> {
  const header = (await tarOf([[{ name }, content]])).subarray(0, 512 + Math.ceil(content.length / 512) * 512);
  header.fill(0, 257, 512);
  header.fill(' ', 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

describe('a ClamAV container', () => {
  test.each([true, false])('has the lines of its databases as records (compressed: %s)', async (compressed) => {
    const path = written(containerOf(tar, { compressed }));
    expect(await recordsOf(path, CVD)).toEqual(RECORDS);
    expect(await recordsOf(path, { ...CVD, comment: '#' })).toEqual(RECORDS.filter((record) => record !== '# two'));
  });

  test('may have headers of the time before ustar', async () => {
    const plain = Buffer.concat([await plainTar('a.hdb', 'one\n'), await plainTar('b.hdb', 'two\n')]);
    expect(await recordsOf(written(containerOf(plain)), CVD)).toEqual(['one', 'two']);
    expect(await recordsOf(written(containerOf(plain, { compressed: false })), CVD)).toEqual(['one', 'two']);
  });

  test('leaves out members by their whole name only', async () => {
    const odd = await tarOf([
      [{ name: 'COPYING2' }, 'a'],
      [{ name: 'copying' }, 'b'],
      [{ name: 'info' }, 'c'],
      [{ name: 'x.info2' }, 'd'],
      [{ name: '.info' }, 'e'],
    ]);
    expect(await recordsOf(written(containerOf(odd)), CVD)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('is read in pieces, and closed when the reader stops early', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `Test.Sig-${i}:0:*:${i.toString(16).padStart(16, '0')}`);
    const path = written(containerOf(await tarOf([[{ name: 'a.ndb' }, `${lines.join('\n')}\n`]])));
    expect(await recordsOf(path, CVD)).toEqual(lines);
    const handle = await open(path);
    const { fd } = handle;
    await handle.close();
    for await (const _ of readRecords(path, CVD)) break;
    const next = await open(path);
    expect(next.fd).toBe(fd);
    await next.close();
  });

  const compressed = gzipSync(tar);
  const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, bytes[at]! ^ 1);
  test.each<[string, () => Uint8Array | Promise<Uint8Array>]>([
    ['an empty file', () => Buffer.alloc(0)],
    ['a header cut off', () => containerOf(tar).subarray(0, 500)],
    ['a header alone', () => containerOf(tar).subarray(0, 512)],
    ['another header', () => containerOf(tar, { header: 'ClamAV-VDBX:' })],
    ['a tar file', () => tar],
    ['a compressed tar file', () => compressed],
    ['a compressed tar file that is cut off in its data', () => containerOf(tar).subarray(0, -30)],
    ['a compressed tar file that is cut off in its checksum', () => containerOf(tar).subarray(0, -1)],
    ['a compressed tar file with another checksum', () => flipped(containerOf(tar), 512 + compressed.length - 6)],
    ['a compressed tar file with a damaged byte', () => flipped(containerOf(tar), 512 + 60)],
    ['an uncompressed tar file cut off in a member', () => containerOf(tar, { compressed: false }).subarray(0, 2600)],
    ['something that is no tar file', () => containerOf(Buffer.alloc(4096, 'no tar file'))],
    ['something compressed that is no tar file', () => containerOf(Buffer.alloc(4096, 'x'), { compressed: false })],
    ['compressed data that is too short for a tar file', () => containerOf(Buffer.from('x'))],
    ['a tar file without members', async () => containerOf(await tarOf([]))],
    ['a link', async () => containerOf(await tarOf([[{ name: 'a.hdb', type: 'symlink', linkname: '/etc/passwd' }]]))],
    ['a hard link', async () => containerOf(await tarOf([[{ name: 'a.hdb', type: 'link', linkname: 'b.hdb' }]]))],
    ['a directory', async () => containerOf(await tarOf([[{ name: 'a/', type: 'directory' }]]))],
    [
      'a member behind the end',
      async () => containerOf(Buffer.concat([tar, await tarOf([[{ name: 'b.hdb' }, 'b\n']])])),
    ],
    ['a member behind one without a name', async () => containerOf(Buffer.concat([await plainTar('', 'a\n'), tar]))],
    ['a member behind a block of zeros', () => containerOf(Buffer.concat([Buffer.alloc(512), tar]))],
    [
      'a member with an extended header',
      async () => containerOf(await tarOf([[{ name: 'COPYING', pax: { x: 'y' } }]])),
    ],
    ['a member in a directory', async () => containerOf(await tarOf([[{ name: 'a/b.hdb' }, 'b\n']]))],
    ['a device', async () => containerOf(await tarOf([[{ name: 'a', type: 'character-device' }]]))],
  ])('is not %s', async (_, content) => {
    await expect(recordsOf(written(await content()), CVD)).rejects.toThrow(malformed);
  });

  test('cut off or damaged anywhere is refused, or reads as it was', async () => {
    const whole = containerOf(tar);
    for (let length = 0; length < whole.length; length++) {
      await expect(recordsOf(written(whole.subarray(0, length)), CVD)).rejects.toThrow(malformed);
    }
    for (let at = 512; at < whole.length; at++) {
      const found = await recordsOf(written(flipped(whole, at)), CVD).catch((error: unknown) => error);
      if (Array.isArray(found)) expect(found).toEqual(RECORDS);
      else expect(found).toEqual(malformed);
    }
  });

  test('that expands to an endless line is refused without expanding it', async () => {
    const bomb = gzipSync(Buffer.concat([await plainTar('a.hdb', 'a'.repeat(MAX_RECORD_SIZE + 1)), Buffer.alloc(512)]));
    expect(bomb.length).toBeLessThan(50_000);
    await expect(recordsOf(written(Buffer.concat([containerOf(tar).subarray(0, 512), bomb])), CVD)).rejects.toThrow(
      malformed,
    );
  });

  test('whose extended header claims gigabytes is refused', async () => {
    const [header] = [Buffer.from(gunzipSync(gzipSync(await plainTar('a', 'x'))))];
    header.write('77777777777\0', 124, 'latin1');
    header[156] = 'x'.charCodeAt(0);
    header.fill(' ', 148, 156);
    const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await expect(recordsOf(written(containerOf(header)), CVD)).rejects.toThrow(malformed);
  });

  test('that is not there is what the system says', async () => {
    const missing = join(temporaryDirectory(), 'none');
    await expect(recordsOf(missing, CVD)).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('is no directory, and no named pipe that nobody writes to', async () => {
    const directory = temporaryDirectory();
    await expect(recordsOf(directory, CVD)).rejects.toThrow(malformed);
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    await expect(recordsOf(join(directory, 'pipe'), CVD)).rejects.toThrow(malformed);
  });
});
