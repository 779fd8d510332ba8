import { expect, test } from 'vitest';
import { appendStatements, ask, LEAF_8, workspaceWithIndex } from './support/index-workspace.ts';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { REVIEWER_KEY, refusedRun } from './support/statement-workspace.ts';

const LOG = ['--log', 'log'];
const OF = 'build acme-av/stable 1.1 (leaf 8)';
const REVIEWED = `16  E5Zg6bnANplggm0dxKUREnxMXYlp5cjN2G35HDhw42I=  review      reproduced: ${OF}  by reviewer.example  2023-11-14T22:13:20Z\n`;
const REJECTED = `18  lbg27Dsisv4RgV8w8YLU6FdkijVXuWYLGQZOVCaRKZU=  review      rejected: ${OF}  by lab.example  2023-11-14T22:13:20Z\n`;
const WITHDRAWN = `20  HZ9TQqbX54eBjIvIIgN8ohQmwVxV5V+39XRy/Q7tBEw=  withdrawal  ${OF}: CVE-2030-1234  by acme.example  2023-11-14T22:13:20Z\n`;

test('about prints the reviews and withdrawals of a statement, in the order of the log', async () => {
  const w = await workspaceWithIndex();
  const said = { status: 0, stderr: '', stdout: `${REVIEWED}${REJECTED}${WITHDRAWN}` };
  const hex = Buffer.from(LEAF_8, 'base64').toString('hex');
  w.write('build.cose', (await ask(w, 'show', '8', '--bytes')).stdoutBytes);
  for (const leaf of ['8', LEAF_8, hex, 'build.cose']) expect(await ask(w, 'about', leaf)).toMatchObject(said);
  const json = parseLinesAs('entry', (await ask(w, 'about', '8', '--json')).stdout);
  expect(json).toMatchObject([
    { index: 16, statement: { issuer: 'reviewer.example', payload: { verdict: 'reproduced' } } },
    { index: 18, statement: { issuer: 'lab.example', payload: { verdict: 'rejected' } } },
    { index: 20, statement: { issuer: 'acme.example', payload: { reason: 'CVE-2030-1234' } } },
  ]);
});

test('of a reviewer who said more than one thing, the newest is printed', async () => {
  const w = await workspaceWithIndex();
  const subject = new Uint8Array(Buffer.from(LEAF_8, 'base64'));
  await appendStatements(w, [[REVIEWER_KEY, { type: 'review', subject, verdict: 'rejected', method: 'second look' }]]);
  const { stdout } = await ask(w, 'about', '8');
  expect(stdout.startsWith(`${REJECTED}${WITHDRAWN}22 `)).toBe(true);
  expect(stdout).toMatch(/\n22 {2}\S{44} {2}review {6}rejected: .* by reviewer\.example \S* ?\S+\n$/);
  expect(await ask(w, 'about', '8', '--prove', '--out', 'proof')).toMatchObject({
    stderr: expect.stringContaining(' 3 reviews and withdrawals of 8 and no others, '),
  });
});

test('about says if nobody has said anything', async () => {
  const w = await workspaceWithIndex();
  const none = { status: 0, stdout: '', stderr: 'vitrine: nobody has reviewed or withdrawn 6\n' };
  expect(await ask(w, 'about', '6')).toMatchObject(none);
  expect(await ask(w, 'about', '6', '--json')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(await ask(w, 'about', '6', '--prove', '--out', 'proof')).toMatchObject({
    stdout: '',
    stderr:
      'vitrine: wrote proof: no review and no withdrawal of 6, by the index of example.com/log, tree size 22, unwitnessed\n',
  });
});

test('about --prove writes all that was said', async () => {
  const w = await workspaceWithIndex();
  expect(await ask(w, 'about', '8', '--prove', '--out', 'proof')).toMatchObject({
    stdout: '',
    stderr:
      'vitrine: wrote proof: 3 reviews and withdrawals of 8 and no others, by the index of example.com/log, tree size 22, ' +
      'unwitnessed\n',
  });
  const json = parseAs('prove-index', (await ask(w, 'about', '8', '--prove', '--json')).stdout);
  expect(json).toMatchObject({ proves: 'subject', index: 21, size: 22, unwitnessed: true });
  expect(w.read('proof').toString()).toContain(`\nextra ${json['extra']}\n`);
});

test('about wants a leaf of the log', async () => {
  const w = await workspaceWithIndex();
  const absent = 'ab'.repeat(32);
  for (const [leaf, status, message] of [
    ['22', 2, 'log-range: the log has 22 entries, and none at index 22\n'],
    [absent, 1, `entry-missing: ${absent} is not in the log example.com/log\n`],
    [
      'nowhere',
      3,
      'file-missing: nowhere: no such file or directory; a leaf is named by its index, its leaf hash or a ',
    ],
  ] as const) {
    const { status: found, stderr } = await refusedRun(w, ['about', leaf, ...LOG]);
    expect({ status: found, stderr: stderr.slice(0, `vitrine: ${message}`.length) }).toEqual({
      status,
      stderr: `vitrine: ${message}`,
    });
  }
});
