import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifyDownload, workspaceOfAgent } from './support/agent-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';

const CHECKPOINT = `log           example.com/log
tree size     22
root hash     `;

test('inspect says what each file is, what it claims, and that nothing was verified', async () => {
  const w = await workspaceOfAgent();
  await verifyDownload(w, ['av-1.2', '--trust', 'trust', '--state', 'state']);
  await done(w, ['show', '10', '--bytes', '--log', 'log']).then(({ stdoutBytes }) => w.write('statement', stdoutBytes));
  await done(w, ['prove', 'inclusion', '10', '--log', 'log', '--out', 'proof']);
  await done(w, ['latest', 'acme-av/stable', '--prove', '--log', 'log', '--out', 'latest']);
  await done(w, ['prove', 'consistency', '4', '--log', 'log', '--out', 'growth']);
  for (const [file, kind, claim] of [
    ['statement', 'statement', /\nstream +acme-av\/stable\n/],
    ['av-1.2.vitrine', 'bundle of a release', /\nrelease +leaf 10\nleaf 10 +build +acme-av\/stable 1\.2 /],
    ['state', 'state of an agent', /\nstream +acme-av\/stable, consulted at tree size 22, leaf 10 installed\n/],
    ['proof', 'tlog-proof', /\nindex +10\n/],
    ['latest', 'tlog-proof', /\nabout +what an index says\n/],
    ['growth', 'proof of growth, the request to a witness', /\nold tree size +4\n/],
    ['log/checkpoint', 'signed note', /\nsigned by +example\.com\/log\+9be5d3c6\n/],
    ['vendor.key', 'PRIVATE KEY', /\nkey name +acme\.example\n/],
    ['vendor.vkey', 'public key (vkey)', /\ntype +ed25519\n/],
    ['trust', 'trust file', /\nrelease +acme-av\/stable {2}\(line 8\)\n/],
    ['witnessed', 'policy', /\nquorum +w4\n/],
  ] as const) {
    const { stdout } = await done(w, ['inspect', file]);
    expect(stdout.replace(/ +/g, ' ')).toContain(`file ${file}\nkind ${kind}\nverified NOTHING: `);
    expect(stdout, file).toMatch(claim);
    expect(parseAs('inspect', (await done(w, ['inspect', file, '--json'])).stdout)).toMatchObject({ file, kind });
  }
  expect((await done(w, ['inspect', 'growth'])).stdout.replace(/ +/g, ' ')).toContain(CHECKPOINT.replace(/ +/g, ' '));
});

test('inspect shows nothing of a private key but what its public half says', async () => {
  const w = await workspaceOfAgent();
  const secret = w.read('vendor.key').toString().trim().split('+').at(-1)!;
  for (const args of [
    ['inspect', 'vendor.key'],
    ['inspect', 'vendor.key', '--json'],
  ]) {
    expect((await done(w, args)).stdout).not.toContain(secret.slice(0, 12));
  }
});

test('inspect refuses what it does not know, of any bytes', async () => {
  const w = await workspaceOfAgent();
  for (const bytes of ['', 'text\n', randomBytes(1000), new Uint8Array(5 << 20)]) {
    w.write('unknown', bytes);
    expect(await w.run(['inspect', 'unknown'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'vitrine: usage: unknown is nothing that this program knows\n',
    });
  }
  expect(await w.run(['inspect', 'nowhere'])).toMatchObject({ status: 3, stdout: '' });
});
