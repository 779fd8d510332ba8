import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { refusedRun, workspaceWithStatements } from '../support/statement-workspace.ts';
import type { Workspace } from '../support/workspace.ts';

const RULES = ['release', 'database', 'rules', '--name', 'r', '--next', '--log', 'log'];

/** A real agent, until the test is done. */
async function startAgent(w: Workspace): Promise<Record<string, string>> {
  const socket = w.path('agent');
  const agent: ChildProcess = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  onTestFinished(() => void agent.kill());
  while (!existsSync(socket)) await setTimeout(20);
  return { SSH_AUTH_SOCK: socket };
}

test('the SSH agent signs with a key that it holds, and one that it does not is a clear error', async () => {
  const w = await workspaceWithStatements();
  w.write('rules', 'alpha\n');
  const env = await startAgent(w);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'release', '-f', w.path('ssh')]);
  const { stdout } = await w.run(['key', 'ssh', 'ssh.pub', 'acme.example']);
  w.write('ssh.vkey', stdout);
  await w.run(['admit', 'add', 'ssh.vkey', '--role', 'vendor', '--log', 'log']);
  const sign = [...RULES, '--vkey', 'ssh.vkey', '--ssh-agent'];
  expect(await refusedRun(w, sign, { env })).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^vitrine: agent-key: the SSH agent does not hold the key of acme\.example, SHA256:/),
  });
  execFileSync('ssh-add', ['-q', w.path('ssh')], { env: { ...process.env, ...env }, stdio: 'pipe' });
  expect(await w.run(sign, { env })).toMatchObject({ status: 0 });
  expect((await refusedRun(w, [...RULES, '--vkey', 'vendor.vkey', '--ssh-agent'], { env })).stderr).toContain(
    '"release"',
  );
  // The one that holds the key refuses to use it.
  execFileSync('ssh-add', ['-q', '-D'], { env: { ...process.env, ...env }, stdio: 'pipe' });
  expect((await refusedRun(w, sign, { env })).stderr).toContain('vitrine: agent-key: ');
});
