import { expect, test } from 'vitest';
import { TRUST, writeTrust } from './support/agent-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { workspace } from './support/workspace.ts';

const RULE = 'release acme-av/* signed-by acme max-age 6h latest indexed-by w4 reproduced-by csa';

test('trust check says in words what a file accepts, and warns', async () => {
  const w = workspace();
  writeTrust(w, 'trust', RULE, 'serial 3');
  const { status, stdout, stderr } = await w.run(['trust', 'check', 'trust']);
  expect(status).toBe(0);
  expect(stdout).toBe(`A checkpoint of example.com/log counts with its ed25519 key.
It has to be cosigned by w4: none of them may lie without harm.
Releases of acme are signed as acme.example, by 1 key.
Releases of other are signed as other.example, by 1 key.
Reviews of csa are signed as reviewer.example, by 1 key.
Line 8: a release of acme-av/* has to be logged in example.com/log; signed by acme; shown by a checkpoint of the last 6h; the newest of its stream; by an index that was checked by w4; reproduced by csa. Nobody may have withdrawn or rejected it.
An agent that has used this file takes none with a serial below 3.
`);
  expect(stderr).toBe(
    'vitrine: warning: quorum-tolerates-none: the quorum tolerates no lying witness: one that cosigns two trees is enough\n',
  );
});

test('trust check and show print objects of one schema', async () => {
  const w = workspace();
  writeTrust(w, 'trust', RULE);
  const show = parseAs('trust', (await w.run(['trust', 'show', 'trust', '--json'])).stdout);
  const check = parseAs('trust', (await w.run(['trust', 'check', 'trust', '--json'])).stdout);
  expect(check).toMatchObject({
    ...show,
    warnings: [{ code: 'quorum-tolerates-none' }, { code: 'serial-missing' }],
  });
  expect(show['releases']).toEqual([
    {
      line: 8,
      pattern: 'acme-av/*',
      origin: 'example.com/log',
      signedBy: 'acme',
      latest: true,
      maxAge: 21_600,
      indexedBy: 'w4',
      reproducedBy: 'csa',
    },
  ]);
});

test('trust show prints each key and line', async () => {
  const w = workspace();
  writeTrust(w, 'trust', RULE);
  const { stdout } = await w.run(['trust', 'show', 'trust']);
  expect(stdout).toMatch(/^SHA-256 {3}[0-9a-f]{64}\nlog {7}example\.com\/log 9be5d3c6 \(ed25519\) {2}indexed\n/);
  expect(stdout).toContain('\nrelease   acme-av/*  (line 8)\n');
});

test('trust policy prints the lines that other programs know, and those alone', async () => {
  const w = workspace();
  w.write('trust', `# who may sign\n${[...TRUST, RULE, 'serial 3'].join('\n')}\n`);
  const { stdout } = await w.run(['trust', 'policy', 'trust']);
  expect(stdout).toBe(`# who may sign\n${TRUST.slice(0, 3).join('\n')}\n`);
});

test.each(['check', 'show', 'policy'])(
  'trust %s refuses a file that cannot be used, and names its line',
  async (verb) => {
    const w = workspace();
    writeTrust(w, 'trust', 'release acme-av/* signed-by acme latest any-age');
    const { status, stdout, stderr } = await w.run(['trust', verb, 'trust']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^vitrine: trust-malformed: trust: line 8: /);
  },
);
