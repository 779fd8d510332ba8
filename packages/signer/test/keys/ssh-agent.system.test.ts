import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type VerifierKey, verifyEd25519 } from '@vitrine/core';
import { expect, onTestFinished, test } from 'vitest';
import { sshAgentSigner, sshVerifierKey } from '../../src/node.ts';
import { directory, MESSAGE } from './support/fixtures.ts';

/** A running ssh-agent, and the programs of OpenSSH that speak to it. */
interface Agent {
  readonly socket: string;
  /** Makes a key and adds it. */
  make(name: string, type?: string): VerifierKey;
  add(...args: string[]): string;
}

async function startAgent(): Promise<Agent> {
  const home = directory();
  const socket = join(home, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  onTestFinished(() => void agent.kill());
  await expect.poll(() => existsSync(socket)).toBe(true);
  // ssh-add asks for the passphrase that locks the agent by running a program.
  const askpass = join(home, 'askpass');
  writeFileSync(askpass, '#!/bin/sh\necho passphrase\n', { mode: 0o700 });
  const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
  const run = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, { env, cwd: home, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    socket,
    make: (name, type = 'ed25519') => {
      run('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', `${name}@host`, '-f', name]);
      run('ssh-add', ['-q', name]);
      return sshVerifierKey(readFileSync(join(home, `${name}.pub`), 'utf8'), 'vendor.example/releases');
    },
    add: (...args) => run('ssh-add', args),
  };
}

test('a real agent signs with the key that is meant', async () => {
  const { socket, make } = await startAgent();
  const keys = [make('one'), make('two'), make('three')];
  for (const vkey of keys) {
    const signer = await sshAgentSigner(vkey, { socket });
    const signature = await signer.sign(MESSAGE);
    expect(keys.map(({ publicKey }) => verifyEd25519(publicKey, MESSAGE, signature))).toEqual(
      keys.map((key) => key === vkey),
    );
    const large = new Uint8Array(100_000).fill(1);
    expect(verifyEd25519(vkey.publicKey, large, await signer.sign(large))).toBe(true);
  }
});

test('a real agent without the key is named with the keys that it has, as ssh-add does', async () => {
  const { socket, make, add } = await startAgent();
  const gone = make('gone');
  make('held');
  add('-q', '-d', 'gone');
  const listed = add('-l').split(' ')[1]!;
  expect(listed).toMatch(/^SHA256:/);
  await expect(sshAgentSigner(gone, { socket })).rejects.toMatchObject({
    code: 'agent-key',
    message: expect.stringContaining(`; it has ${listed} "held@host"`),
  });
});

test('a key that is removed from a real agent meanwhile does not sign', async () => {
  const { socket, make, add } = await startAgent();
  const signer = await sshAgentSigner(make('one'), { socket });
  add('-q', '-D');
  await expect(signer.sign(MESSAGE)).rejects.toMatchObject({
    code: 'agent-failed',
    message: expect.stringMatching(/^the SSH agent refused/),
  });
});

test('a real agent that is locked signs nothing until it is unlocked', async () => {
  const { socket, make, add } = await startAgent();
  const vkey = make('one');
  const signer = await sshAgentSigner(vkey, { socket });
  add('-x');
  await expect(signer.sign(MESSAGE)).rejects.toMatchObject({ code: 'agent-failed' });
  await expect(sshAgentSigner(vkey, { socket })).rejects.toMatchObject({
    code: 'agent-key',
    message: expect.stringMatching(/it has no Ed25519 key, or is locked$/),
  });
  add('-X');
  expect(verifyEd25519(vkey.publicKey, MESSAGE, await signer.sign(MESSAGE))).toBe(true);
});

test('keys of real OpenSSH that are not Ed25519 are refused by name', async () => {
  const { make } = await startAgent();
  expect(() => make('rsa', 'rsa')).toThrow('expected a key of type ssh-ed25519, found ssh-rsa');
  expect(() => make('ecdsa', 'ecdsa')).toThrow('expected a key of type ssh-ed25519, found ecdsa-sha2-nistp256');
});
