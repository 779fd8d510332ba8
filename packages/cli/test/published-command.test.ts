import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { THEN, workspaceOfAgent } from './support/agent-workspace.ts';
import type { Workspace } from './support/workspace.ts';

// The command in a few modules, as the package has it. Everything else is tested with the modules that the compiler makes.

const root = resolve(import.meta.dirname, '..', '..', '..');
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(import.meta.dirname, '..', 'command-'));
  execFileSync(process.execPath, [join(root, '.ci', 'build-command.js'), directory]);
  return () => rmSync(directory, { recursive: true });
});

function run(w: Workspace, ...args: readonly string[]): string {
  const env = { ...process.env, XDG_CONFIG_HOME: w.path('config') };
  return execFileSync(process.execPath, [join(directory, 'main.js'), ...args], {
    cwd: w.directory,
    env,
    encoding: 'utf8',
  });
}

test('it decides about a download, and knows its version', async () => {
  const w = await workspaceOfAgent();
  expect(run(w, '--version')).toBe('0.1.0\n');
  const verify = ['verify', 'av-1.2', '--name', 'av.bin', '--trust', 'trust', '--state', 'state', '--now', THEN];
  expect(run(w, ...verify)).toMatch(/^av-1\.2 {2}OK$/m);
  expect(() => run(w, ...verify, '--bundle', 'av-1.1.vitrine')).toThrow('withdrawn');
});

test('it reads a log, and signs with its key', async () => {
  const w = await workspaceOfAgent();
  expect(run(w, 'ls', '--log', 'log')).toMatch(/acme-av\/stable 1\.2/);
  run(w, 'bundle', '10', '--format', 'cose', '--log', 'log', '--out', 'cose');
  expect(run(w, 'verify', '--proof', 'cose', '--policy', 'policy')).toMatch(/^verified/);
});

test('it has the thread that hashes, and finds the conformance corpus', async () => {
  const w = await workspaceOfAgent();
  for (const name of ['a', 'b']) truncateSync(w.write(name, ''), 40 << 20);
  const what = ['--product', 'p', '--version', '1', '--channel', 'stable', '--key', 'vendor.key'];
  const offline = ['--offline', '--origin', 'example.com/log', '--out', 'request', '--json'];
  expect(run(w, 'release', 'build', 'a', 'b', ...what, ...offline)).toContain('"size":41943040');
  const verifier = join(root, 'examples', 'conformance', 'verifier.js');
  expect(run(w, 'conformance', '--only', 'a-release-of-a-database', '--', process.execPath, verifier)).toBe(
    '1 case: 1 passed, 0 failed\n',
  );
});

test('it has few modules, and none of native code', () => {
  const modules = readdirSync(directory).filter((name) => name.endsWith('.js'));
  expect(modules).toContain('hash-worker.js');
  expect(modules.length).toBeLessThan(90);
});
