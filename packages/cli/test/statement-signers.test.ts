import { createServer } from 'node:net';
import { formatKeyFile } from '@vitrine/signer/node';
import { expect, onTestFinished, test } from 'vitest';
import { refusedRun, sizeOf, VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import { LOG_KEY, type Workspace } from './support/workspace.ts';

const RULES = ['release', 'database', 'rules', '--name', 'r', '--next', '--log', 'log'];

async function workspaceWithRules(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  return w;
}

test('a wrong passphrase is a clear error, and nothing is appended', async () => {
  const w = await workspaceWithRules();
  w.write('locked.key', await formatKeyFile(VENDOR_KEY, 'right'));
  w.write('wrong', 'wrong\n');
  w.write('right', 'right\n');
  const sign = [...RULES, '--key', 'locked.key', '--json'];
  expect(await refusedRun(w, sign, { env: { VITRINE_PASSPHRASE_FILE: 'wrong' } })).toMatchObject({
    status: 2,
    stderr: '{"error":{"code":"passphrase-wrong","message":"the passphrase does not open locked.key"}}\n',
  });
  expect((await refusedRun(w, sign)).stderr).toContain('"code":"passphrase-missing"');
  expect(await w.run(sign, { env: { VITRINE_PASSPHRASE_FILE: 'right' } })).toMatchObject({ status: 0, stderr: '' });
  expect(sizeOf(w)).toBe(4);
});

test("the wrong passphrase of the log's key is found before the files are read, and nothing is appended", async () => {
  const w = await workspaceWithRules();
  w.write('config/vitrine/keys/example.com+log.ed25519.key', await formatKeyFile(LOG_KEY, 'of the log'));
  w.write('locked.key', await formatKeyFile(VENDOR_KEY, 'of the vendor'));
  w.write('log-passphrase', 'of the log');
  w.write('vendor-passphrase', 'of the vendor');
  const sign = [...RULES, '--key', 'locked.key'];
  const env = { VITRINE_PASSPHRASE_FILE: 'vendor-passphrase' };
  expect(await refusedRun(w, sign, { env })).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/\nvitrine: passphrase-wrong: the passphrase does not open .*example\.com\+log.*\n$/),
  });
  const both = { ...env, VITRINE_LOG_PASSPHRASE_FILE: 'log-passphrase' };
  expect(await w.run(sign, { env: both })).toMatchObject({ status: 0 });
});

test('a key that is missing, or of another kind, is a clear error, and nothing is appended', async () => {
  const w = await workspaceWithRules();
  for (const [args, message] of [
    [[], 'usage: name what signs the statement: --key <file> (or VITRINE_KEY)'],
    [['--key', 'missing.key'], 'file-missing: missing.key: no such file or directory'],
    [['--key', 'vendor.vkey'], 'key-malformed: vendor.vkey'],
    [['--key', 'vendor.key', '--log-key', 'missing.key'], 'file-missing: missing.key: no such file or directory'],
    [
      ['--key', 'vendor.key', '--ssh-agent', '--vkey', 'vendor.vkey'],
      'usage: --key and --ssh-agent each name what signs',
    ],
  ] as const) {
    expect((await refusedRun(w, [...RULES, ...args])).stderr).toContain(`vitrine: ${message}`);
  }
});

test('a signer program that fails or prints nonsense is a clear error, and nothing is appended', async () => {
  const w = await workspaceWithRules();
  const sign = [...RULES, '--vkey', 'vendor.vkey', '--signer-command'];
  const nonsense = Buffer.alloc(64, 7).toString('base64');
  for (const [command, message] of [
    ['exit 3', 'the signer command failed with exit status 3'],
    ['no-such-program', 'the signer command failed with exit status 127: the shell found no such program'],
    ['true', 'the signer command printed nothing'],
    ['echo hello', 'the signer command printed 6 bytes that are no signature by the key acme.example+'],
    [`echo ${nonsense}`, 'the signer command gave a signature that is not one of these bytes by the key acme.example+'],
    ['head -c 100000 /dev/zero', 'the signer command printed more than 1024 bytes, and a signature has 64'],
    ['kill -9 $$', 'the signer command was ended by SIGKILL'],
  ] as const) {
    const { status, stderr } = await refusedRun(w, [...sign, command]);
    expect({ command, status }).toEqual({ command, status: 3 });
    expect(stderr).toContain(`vitrine: signer-failed: ${message}`);
  }
});

test('a signer program that signs is as good as a key file', async () => {
  const w = await workspaceWithRules();
  w.write(
    'sign.mjs',
    `import { createPrivateKey, sign } from 'node:crypto';
    const chunks = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    const key = Buffer.from('302e020100300506032b657004220420' + '0b'.repeat(32), 'hex');
    process.stdout.write(sign(null, Buffer.concat(chunks), createPrivateKey({ key, format: 'der', type: 'pkcs8' })));`,
  );
  const command = `'${process.execPath}' sign.mjs`;
  expect(await w.run([...RULES, '--vkey', 'vendor.vkey', '--signer-command', command])).toMatchObject({ status: 0 });
  expect((await w.run(['show', '2', '--log', 'log'])).stdout).toContain('signature    verified, ');
});

test('without an agent, or with something else in its place, nothing is appended', async () => {
  const w = await workspaceWithRules();
  const sign = [...RULES, '--vkey', 'vendor.vkey', '--ssh-agent'];
  expect(await refusedRun(w, sign)).toMatchObject({
    status: 3,
    stderr: 'vitrine: agent-missing: SSH_AUTH_SOCK is not set: start ssh-agent\n',
  });
  for (const socket of ['nowhere', 'rules']) {
    const { status, stderr } = await refusedRun(w, sign, { env: { SSH_AUTH_SOCK: w.path(socket) } });
    expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringMatching(/^vitrine: agent-missing: /) });
  }
});

test('an agent without the key is a clear error, and nothing is appended', async () => {
  const w = await workspaceWithRules();
  const server = createServer((connection) => {
    // The answer to a question for its keys: none.
    connection.on('data', () => connection.end(Buffer.of(0, 0, 0, 5, 12, 0, 0, 0, 0)));
  });
  await new Promise<void>((resolve) => server.listen(w.path('agent'), resolve));
  onTestFinished(() => void server.close());
  const sign = [...RULES, '--vkey', 'vendor.vkey', '--ssh-agent'];
  expect(await refusedRun(w, sign, { env: { SSH_AUTH_SOCK: w.path('agent') } })).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^vitrine: agent-key: the SSH agent does not hold the key of acme\.example, SHA256:/),
  });
});
