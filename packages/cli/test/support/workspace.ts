import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Signer, formatPrivateKey, formatVkey, type PrivateKey, privateKeyFromSeed } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { onTestFinished } from 'vitest';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'vitrine.js');

/** What a run of the command left. */
export interface Transcript {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
}

/** How the command is run. */
export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Record<string, string>;
}

/** A directory of a test's own, with a configuration directory in it, in which the built command runs. */
export class Workspace {
  readonly directory = mkdtempSync(join(tmpdir(), 'vitrine-cli-'));

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** Every file below the directory, with its path. */
  files(below = '.'): string[] {
    return (
      readdirSync(this.path(below), { recursive: true, encoding: 'utf8' })
        // What is being written may be gone by now.
        .filter((name) => statSync(this.path(below, name), { throwIfNoEntry: false })?.isFile())
        .sort()
    );
  }

  /** Starts the command, without a controlling terminal. */
  start(args: readonly string[], options: RunOptions = {}): ReturnType<typeof spawn> {
    return this.#spawn(process.execPath, [PROGRAM, ...args], options);
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Transcript> {
    return transcript(this.start(args, options), options);
  }

  /** Runs the command with a line of arguments that a shell expands, so that they can be any bytes. */
  runInShell(line: string): Promise<Transcript> {
    return transcript(this.#spawn('sh', ['-c', `exec "$0" "$1" ${line}`, process.execPath, PROGRAM], {}), {});
  }

  #spawn(program: string, args: readonly string[], { env = {} }: RunOptions): ReturnType<typeof spawn> {
    return spawn(program, args, {
      cwd: this.directory,
      detached: true,
      env: { PATH: process.env['PATH']!, HOME: this.directory, XDG_CONFIG_HOME: this.path('config'), ...env },
    });
  }
}

/** What a process leaves that was started. */
export function transcript(child: ReturnType<typeof spawn>, { input = '' }: RunOptions): Promise<Transcript> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout!.on('data', (chunk) => stdout.push(chunk));
  child.stderr!.on('data', (chunk) => stderr.push(chunk));
  // The command may end before it has read everything.
  child.stdin!.on('error', () => {});
  child.stdin!.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      const stdoutBytes = Buffer.concat(stdout);
      resolve({ status, stdout: stdoutBytes.toString(), stderr: Buffer.concat(stderr).toString(), stdoutBytes });
    });
  });
}

/** A new workspace, removed when the test is done. */
export function workspace(): Workspace {
  const created = new Workspace();
  onTestFinished(() => rmSync(created.directory, { recursive: true, force: true }));
  return created;
}

const ORIGIN = 'example.com/log';

const schemes = [mlDsa44];

/** A key whose seed is one byte repeated, so that transcripts do not change. Nothing here is secret. */
export function fixedKey(name: string, type: number, byte: number): PrivateKey {
  return privateKeyFromSeed(name, type, new Uint8Array(32).fill(byte), { schemes });
}

export const LOG_KEY = fixedKey(ORIGIN, 0x01, 1);
export const LOG_ML_DSA_KEY = fixedKey(ORIGIN, 0x06, 2);
export const WITNESS_KEY = fixedKey('witness.example/w4', 0x04, 4);
export const WITNESS_ML_DSA_KEY = fixedKey('witness.example/w6', 0x06, 6);

const POLICY = `log ${formatVkey(LOG_KEY.vkey)}\nlog ${formatVkey(LOG_ML_DSA_KEY.vkey)}\n`;
const WITNESSES = `witness w4 ${formatVkey(WITNESS_KEY.vkey)}\nwitness w6 ${formatVkey(WITNESS_ML_DSA_KEY.vkey)}\n`;

/**
 * A workspace with what `init` makes, but of fixed keys: `log`, `policy` (no witness), `witnessed` (the policy that wants
 * one), and the keys where they belong.
 */
export async function workspaceWithLog({ duplicates = false, entries = [] as string[] } = {}): Promise<Workspace> {
  const created = workspace();
  const keys = created.path('config', 'vitrine', 'keys');
  mkdirSync(keys, { recursive: true });
  writeFileSync(join(keys, 'example.com+log.ed25519.key'), `${formatPrivateKey(LOG_KEY)}\n`, { mode: 0o600 });
  writeFileSync(join(keys, 'example.com+log.ml-dsa-44.key'), `${formatPrivateKey(LOG_ML_DSA_KEY)}\n`, { mode: 0o600 });
  created.write('policy', `${POLICY}quorum none\n`);
  created.write('witnessed', `${POLICY}${WITNESSES}group any any w4 w6\nquorum any\n`);
  const log = await Log.create((description) => LevelStore.create(created.path('log'), description), {
    origin: ORIGIN,
    vkeys: [LOG_KEY, LOG_ML_DSA_KEY].map(({ vkey }) => formatVkey(vkey)),
    kind: 'raw',
    duplicates,
    signer: ed25519Signer(LOG_KEY),
  });
  for (const entry of entries) await log.append(new TextEncoder().encode(entry));
  await log[Symbol.asyncDispose]();
  return created;
}
