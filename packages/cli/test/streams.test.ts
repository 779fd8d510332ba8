import { expect, test } from 'vitest';
import { ask, LEAF_10, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { refusedRun } from './support/statement-workspace.ts';

const LOG = ['--log', 'log'];
const SOURCE = '     1  43Xv1Mwj0Y6z  source      acme-av  by acme.example\n';
const BUILDS = '     3  Xuh3jDpmZ+tt  build       acme-av/stable  by acme.example\n';
const DATABASE = '     1  q+IUvC9JdOdi  database    acme-av  by acme.example\n';
const OTHER = '     1  xBx9fybqUV4M  database    acme-av  by other.example\n';
const ADMISSIONS = '     2  lCYAMImklLwf  admission   example.com/log  by example.com/log\n';

test('streams prints which streams there are, and only those of a type or an issuer', async () => {
  const w = await workspaceWithIndex();
  for (const [args, stdout] of [
    [[], [BUILDS, SOURCE, DATABASE, OTHER, ADMISSIONS]],
    [
      ['--type', 'database'],
      [DATABASE, OTHER],
    ],
    [
      ['--issuer', 'acme.example'],
      [BUILDS, SOURCE, DATABASE],
    ],
    [['--type', 'database', '--issuer', 'other.example'], [OTHER]],
  ] as const) {
    expect(await ask(w, 'streams', ...args)).toMatchObject({ stdout: stdout.join(''), stderr: '' });
  }
  expect(await ask(w, 'streams', '--issuer', 'acme.exmaple')).toMatchObject({
    stdout: '',
    stderr: 'vitrine: none of 5 streams is such\n',
  });
  expect(await ask(w, 'streams', '--type', 'handling', '--json')).toMatchObject({ stdout: '', stderr: '' });
  expect((await refusedRun(w, ['streams', '--type', 'withdrawal', ...LOG])).stderr).toMatch(/^vitrine: usage: option /);
});

test('streams --json prints an object for each, with its record in the index', async () => {
  const w = await workspaceWithIndex();
  const json = parseLinesAs('streams', (await ask(w, 'streams', '--json')).stdout);
  expect(json.map(({ type, issuer }) => `${type} ${issuer}`)).toEqual([
    'build acme.example',
    'source acme.example',
    'database acme.example',
    'database other.example',
    'admission example.com/log',
  ]);
  expect(json[0]).toMatchObject({ stream: 'acme-av/stable', count: 3, last: LEAF_10 });
  // The root over one leaf hash is itself.
  expect(json[1]).toMatchObject({ count: 1, last: json[1]!['root'] });
  const filtered = await ask(w, 'streams', '--type', 'build', '--json');
  expect(parseLinesAs('streams', filtered.stdout)).toEqual([json[0]]);
});

test('streams --prove writes all of them, and takes no filter', async () => {
  const w = await workspaceWithIndex();
  expect(await ask(w, 'streams', '--prove', '--out', 'proof')).toMatchObject({
    stdout: '',
    stderr:
      'vitrine: wrote proof: 5 streams and no others, by the index of example.com/log, tree size 22, unwitnessed\n',
  });
  const json = parseAs('prove-index', (await ask(w, 'streams', '--prove', '--json')).stdout);
  expect(json).toMatchObject({ proves: 'streams', index: 21, size: 22, unwitnessed: true });
  expect(w.read('proof').toString()).toContain(`\nextra ${json['extra']}\n`);
  for (const filter of [
    ['--type', 'build'],
    ['--issuer', 'acme.example'],
  ]) {
    expect(await refusedRun(w, ['streams', '--prove', ...filter, ...LOG])).toMatchObject({
      status: 2,
      stderr:
        'vitrine: usage: --prove proves which streams there are, and none can be left out: not with --type or --issuer\n',
    });
  }
});
