import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAs } from './support/json-schema.ts';
import { refusedRun, workspaceWithStatements } from './support/statement-workspace.ts';
import type { Workspace } from './support/workspace.ts';

const LOG = ['--log', 'log', '--key', 'vendor.key'];
const BUILD = ['release', 'build', '--product', 'acme-av', '--version', '5.2', '--channel', 'stable', ...LOG];

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** With a source of acme-av at leaf 2. */
async function workspaceWithSource(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  mkdirSync(w.path('src'));
  w.write('src/main.c', 'x');
  const args = ['release', 'source', 'src', '--product', 'acme-av', '--version', '5.2', '--revision', 'r1', ...LOG];
  expect(await w.run(args)).toMatchObject({ status: 0 });
  return w;
}

test('release build logs each artifact under its base name, its source and what is attached', async () => {
  const w = await workspaceWithSource();
  mkdirSync(w.path('out'));
  w.write('out/b.deb', 'deb');
  w.write('a.tar.gz', Buffer.alloc(3_000_000, 7));
  w.write('sbom.json', '{}');
  w.write('prov:1', 'p');
  const result = await w.run([
    ...BUILD,
    'out/b.deb',
    'a.tar.gz',
    ...['--platform', 'linux-x64', '--source', '2', '--toolchain', 'gcc 13.2'],
    ...['--attach', 'sbom.json:application/spdx+json', '--attach', 'prov:1:application/vnd.in-toto+json'],
  ]);
  expect(result).toMatchObject({ status: 0, stderr: '' });
  expect(result.stdout).toMatch(
    /^4 {2}\S+ {2}build {7}acme-av\/stable\/linux-x64 5\.2 \(2 artifacts\) {2}by acme\.example/,
  );
  const source = parseAs('entry', (await w.run(['show', '2', '--log', 'log', '--json'])).stdout);
  const shown = parseAs('entry', (await w.run(['show', '4', '--log', 'log', '--json'])).stdout);
  expect(shown['statement']).toMatchObject({
    type: 'build',
    stream: 'acme-av/stable/linux-x64',
    payload: {
      product: 'acme-av',
      version: '5.2',
      channel: 'stable',
      platform: 'linux-x64',
      toolchain: 'gcc 13.2',
      artifacts: [
        { name: 'a.tar.gz', size: 3_000_000, sha256: sha256(Buffer.alloc(3_000_000, 7)) },
        { name: 'b.deb', size: 3, sha256: sha256('deb') },
      ],
      source: Buffer.from(String(source['leafHash']), 'base64').toString('hex'),
      attachments: [
        { name: 'prov:1', mediaType: 'application/vnd.in-toto+json', size: 1, sha256: sha256('p') },
        { name: 'sbom.json', mediaType: 'application/spdx+json', size: 2, sha256: sha256('{}') },
      ],
    },
  });
  const rows = (await w.run(['show', '4', '--log', 'log'])).stdout;
  expect(rows).toContain(`artifact    ${sha256('deb')}  b.deb  3 bytes\n`);
  expect(rows).toContain(`source      ${source['leafHash']}  leaf 2, source acme-av 5.2\n`);
  expect(rows).toMatch(/\nsignature {3}verified, with a key that the log admitted as vendor\n$/);
});

test('a source can be named by its index, its leaf hash or its statement', async () => {
  const w = await workspaceWithSource();
  w.write('a', 'a');
  const { leafHash } = parseAs('entry', (await w.run(['show', '2', '--log', 'log', '--json'])).stdout);
  const base64 = String(leafHash);
  const hex = Buffer.from(base64, 'base64').toString('hex');
  w.write('source.cose', (await w.run(['show', '2', '--bytes', '--log', 'log'])).stdoutBytes);
  for (const source of ['2', base64, hex, 'source.cose']) {
    const { stdout } = await w.run([...BUILD, 'a', '--source', source, '--json']);
    expect(parseAs('issue', stdout)).toMatchObject({ statement: { payload: { source: hex } } });
  }
});

test('release build without a source says what is lost', async () => {
  const w = await workspaceWithSource();
  w.write('a', 'a');
  expect(await w.run([...BUILD, 'a'])).toMatchObject({
    status: 0,
    stderr: 'vitrine: without --source nobody learns which source this was built from\n',
  });
});

test('a build of many files is logged by a manifest, which is written once and not replaced', async () => {
  const w = await workspaceWithSource();
  mkdirSync(w.path('many'));
  const names = Array.from({ length: 201 }, (_, i) => `f${i}`);
  for (const name of names) w.write(`many/${name}`, name);
  const files = names.map((name) => `many/${name}`);
  expect(await refusedRun(w, [...BUILD, '--source', '2', ...files])).toMatchObject({
    status: 2,
    stderr: 'vitrine: usage: 201 files are too many for a statement: name a file for the list with --manifest\n',
  });
  const args = [...BUILD, '--source', '2', '--manifest', 'list', ...files];
  const { status, stdout } = await w.run([...args, '--json']);
  expect(status).toBe(0);
  const manifest = names
    .toSorted()
    .map((name) => `${sha256(name)} ${name.length} ${name}\n`)
    .join('');
  expect(w.read('list').toString()).toBe(manifest);
  expect(parseAs('issue', stdout)).toMatchObject({
    statement: { payload: { manifest: { name: 'list', size: manifest.length, sha256: sha256(manifest) } } },
  });
  // The same list is no obstacle for the next try, another one is.
  expect(await w.run(args)).toMatchObject({ status: 0 });
  w.write('list', `${manifest}x`);
  expect(await refusedRun(w, args)).toMatchObject({
    status: 2,
    stderr: 'vitrine: file-exists: list is there already, and is not the manifest of these files\n',
  });
  expect(w.read('list').toString()).toBe(`${manifest}x`);
});

test('release build refuses what it cannot log, before it reads or writes', async () => {
  const w = await workspaceWithSource();
  w.write('a', 'a');
  mkdirSync(w.path('dir'));
  w.write('dir/a', 'other');
  w.write('new\nline', 'x');
  const cases: [string[], string][] = [
    [['a', 'dir/a'], 'usage: two of the files have the name a'],
    [['dir'], 'file-type: dir is a directory'],
    [['missing'], 'file-missing: missing: no such file or directory'],
    [['new\nline'], 'file-name: '],
    [['a', '--attach', 'a'], 'usage: --attach must be as sbom.json:application/spdx+json, not a'],
    [['a', '--attach', 'missing:text/plain'], 'file-missing: missing'],
    [['a', '--attach', 'a:text/plain', '--attach', 'dir/a:text/plain'], 'usage: two of the files have the name a'],
    [['a', '--source', '0'], 'usage: --source 0 is no source: it is a statement of type admission'],
    [['a', '--source', '9'], 'log-range: the log has 4 entries, and none at index 9'],
    [['a', '--source', '0'.repeat(64)], `entry-missing: ${'0'.repeat(64)} is not in the log example.com/log`],
    [['a', '--source', 'vendor.key'], 'statement-malformed: vendor.key is no statement file'],
    [['a', '--platform', 'linux x64'], 'usage: --platform '],
  ];
  for (const [args, message] of cases) {
    expect((await refusedRun(w, [...BUILD, ...args])).stderr).toContain(`vitrine: ${message}`);
  }
  const other = BUILD.map((arg) => (arg === 'acme-av' ? 'other' : arg));
  expect((await refusedRun(w, [...other, 'a', '--source', '2'])).stderr).toBe(
    'vitrine: usage: --source 2 is a source of acme-av, not of other\n',
  );
});

test('release build logs nothing where the log refuses it, and says so by name', async () => {
  const w = await workspaceWithSource();
  w.write('a', 'a');
  const offline = ['--offline', '--origin', 'example.com/log', '--out', 'source.cose'];
  const source = ['release', 'source', 'src', '--product', 'acme-av', '--version', '6', '--revision', 'r2'];
  await w.run([...source, ...offline, '--key', 'vendor.key']);
  expect(await refusedRun(w, [...BUILD, 'a', '--source', 'source.cose'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^vitrine: admission-subject: /),
  });
  // Whoever wants to stop because of what it warns of can do so before anything is logged.
  const stranger = BUILD.map((arg) => (arg === 'vendor.key' ? 'other.key' : arg));
  expect((await refusedRun(w, [...stranger, 'a'])).stderr).toMatch(
    /^vitrine: without --source [^\n]*\nvitrine: admission-key: [^\n]*\n$/,
  );
});
