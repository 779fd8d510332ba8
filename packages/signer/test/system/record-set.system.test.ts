import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordFormat } from '@vitrine/signer';
import { RecordSet, readRecords } from '@vitrine/signer/node';
import { ReferencePrefixTree } from '@vitrine/testkit';
import { expect, test } from 'vitest';
import { proveAll, recordsOf, temporaryDirectory } from '../record-set/support.ts';

// Debian's clamav, sagan-rules and modsecurity-crs: .ci/test-system.sh installs them.

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

/** The records that a pipeline of Unix tools finds, sorted, without duplicates, one a line. */
const shell = (script: string, directory: string): string =>
  execFileSync('sh', ['-c', script], {
    cwd: directory,
    encoding: 'latin1',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 2 ** 28,
  });

test.each<[string, string, RecordFormat, string]>([
  [
    'sagan',
    '/etc/sagan-rules',
    { reader: 'lines', comment: '#', skipBlank: true },
    "find . -type f -print0 | xargs -0 -n 1 awk 1 | sed 's/\\r$//' | grep -av '^[[:space:]]*#' | grep -a '[^[:space:]]'",
  ],
  [
    'modsecurity',
    '/usr/share/modsecurity-crs/rules',
    { reader: 'lines' },
    "find . -type f -print0 | xargs -0 -n 1 awk 1 | sed 's/\\r$//' | grep -a .",
  ],
])(
  'every rule of %s is proven, what is none is not, and no neighbour passes for another',
  async (_, path, format, script) => {
    const records = (await recordsOf(path, format)).map((record) => new Uint8Array(Buffer.from(record, 'latin1')));
    const set = await RecordSet.from(readRecords(path, format));
    // The same records by other means, and the same root by the definition.
    const distinct = shell(`${script} | sort -u`, path)
      .split('\n')
      .slice(0, -1)
      .map((line) => new Uint8Array(Buffer.from(line, 'latin1')));
    expect(distinct.length).toBeGreaterThan(1000);
    expect(set.count).toBe(distinct.length);
    expect(set.count + set.duplicates).toBe(records.length);
    const leaves = distinct.map((record) => ({ key: sha256(record), valueHash: sha256(record) }));
    expect(set.root).toEqual(new ReferencePrefixTree(leaves).root());
    proveAll(set, distinct);
  },
);

/** Signatures as ClamAV takes them. */
const DATABASES: Readonly<Record<string, string>> = {
  COPYING: 'The licence.\n',
  'test.hdb': '44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test\n',
  'test.ndb': Array.from(
    { length: 3000 },
    (_, i) => `Test.Sig-${i}:0:*:${(i + 2 ** 40).toString(16).padStart(24, 'a')}\n`,
  ).join(''),
};

function built(directory: string): string {
  for (const [name, content] of Object.entries(DATABASES)) writeFileSync(join(directory, name), content);
  // It asks for the builder's name, and wants the databases beside it.
  execFileSync(
    'sigtool',
    ['--unsigned', '--build=test.cud', '--cvd-version=3', '--flevel=1', `--datadir=${directory}`],
    {
      cwd: directory,
      input: 'builder\n',
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  return join(directory, 'test.cud');
}

test("ClamAV's own containers have the records of their databases, and are refused when they are cut off", async () => {
  const directory = temporaryDirectory();
  const container = built(directory);
  const records = await recordsOf(container, { reader: 'cvd' });
  const expected = `${DATABASES['test.hdb']}${DATABASES['test.ndb']}`.trimEnd().split('\n');
  expect(records.toSorted()).toEqual(expected.toSorted());
  proveAll(
    await RecordSet.from(readRecords(container, { reader: 'cvd' })),
    expected.map((record) => new TextEncoder().encode(record)),
  );

  const whole = readFileSync(container);
  for (let length = 0; length < whole.length; length += 97) {
    writeFileSync(container, whole.subarray(0, length));
    await expect(recordsOf(container, { reader: 'cvd' })).rejects.toThrow(
      expect.objectContaining({ code: 'records-malformed' }),
    );
  }
});

test('what ClamAV unpacks from its container, read as lines, is the same set', async () => {
  const directory = temporaryDirectory();
  const container = built(directory);
  const unpacked = join(directory, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('sigtool', [`--unpack=${container}`], { cwd: unpacked, stdio: 'ignore' });
  const databases = join(directory, 'databases');
  mkdirSync(databases);
  for (const name of readdirSync(unpacked)) {
    if (name !== 'COPYING' && !name.endsWith('.info')) cpSync(join(unpacked, name), join(databases, name));
  }
  const [one, other] = await Promise.all([
    RecordSet.from(readRecords(container, { reader: 'cvd' })),
    RecordSet.from(readRecords(databases, { reader: 'lines' })),
  ]);
  expect(one.count).toBe(3001);
  expect(other.root).toEqual(one.root);
});
