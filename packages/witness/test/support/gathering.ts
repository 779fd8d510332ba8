import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519Signer, formatVkey, type Policy, type PrivateKey, parsePolicy } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { onTestFinished } from 'vitest';
import { type GatheredLog, Gatherer, type GathererOptions } from '../../src/gather/gatherer.ts';
import { temporaryDirectory } from './directory.ts';
import { keyOf, ORIGIN, schemes, utf8 } from './logs.ts';
import { serveWitness, type TestServer } from './servers.ts';
import { type TestWitness, testWitness } from './witnesses.ts';

const LOG_KEY: PrivateKey = keyOf(ORIGIN, 0x01, 1);

/** A real log of arbitrary entries, in a directory. */
export async function createLog(directory = join(temporaryDirectory(), 'log')): Promise<Log> {
  const log = await Log.create((description) => LevelStore.create(directory, description), {
    origin: ORIGIN,
    vkeys: [formatVkey(LOG_KEY.vkey)],
    kind: 'raw',
    duplicates: false,
    signer: ed25519Signer(LOG_KEY),
  });
  onTestFinished(() => log[Symbol.asyncDispose]());
  return log;
}

export async function openLog(directory: string): Promise<Log> {
  const log = await Log.open(await LevelStore.open(directory), { signer: ed25519Signer(LOG_KEY) });
  onTestFinished(() => log[Symbol.asyncDispose]());
  return log;
}

/** The log as the gatherer sees it, with some of it changed. */
export function wrapped(log: Log, changed: Partial<GatheredLog>): GatheredLog {
  return {
    origin: log.origin,
    key: log.key,
    get size() {
      return log.size;
    },
    checkpoint: () => log.checkpoint(),
    cosignedCheckpoint: () => log.cosignedCheckpoint(),
    proveConsistency: (oldSize, newSize) => log.proveConsistency(oldSize, newSize),
    publish: (note) => log.publish(note),
    ...changed,
  };
}

/** Seconds since the Epoch. */
export const seconds = (): number => Math.floor(Date.now() / 1000);

/** Aborts nothing. */
export const never = (): AbortSignal => new AbortController().signal;

export const THIRD: PrivateKey = keyOf('witness.example/w3', 0x04, 3);

/** A real witness at a real socket with one key, whose clock runs. */
export async function served(key: PrivateKey): Promise<TestServer & { readonly w: TestWitness }> {
  const w = await runningWitness([key]);
  return { ...(await serveWitness(w)), w };
}

/** A witness whose clock runs. */
export async function runningWitness(keys: readonly PrivateKey[]): Promise<TestWitness> {
  const w = await testWitness({ keys, renewAfter: 0 });
  Object.defineProperty(w, 'now', { get: seconds });
  return w;
}

/** The code of what went wrong with a witness when it was asked last. */
export const failureOf = (gatherer: Gatherer, name: string): string | undefined =>
  gatherer.status().find((witness) => witness.name === name)?.failure?.code;

let entries = 0;

export async function grow(log: Log, by = 1): Promise<number> {
  for (let i = 0; i < by; i++) await log.append(utf8(`entry ${entries++}`));
  return log.size;
}

/** The policy of these witnesses, of which some number must have cosigned. */
export function policyOf(
  witnesses: readonly (readonly [PrivateKey, string | undefined])[],
  quorum: number | 'none' = witnesses.length,
): Policy {
  const lines = witnesses.map(([{ vkey }, url], i) => `witness w${i} ${formatVkey(vkey)} ${url ?? ''}\n`);
  const group =
    quorum === 'none'
      ? 'quorum none\n'
      : `group all ${quorum} ${witnesses.map((_, i) => `w${i}`).join(' ')}\nquorum all\n`;
  return parsePolicy(utf8(`log ${formatVkey(LOG_KEY.vkey)}\n${lines.join('')}${group}`));
}

/** A gatherer that is quick to ask again, and ends with the test. */
export function gather(options: Pick<GathererOptions, 'log' | 'policy'> & Partial<GathererOptions>): Gatherer {
  const gatherer = new Gatherer({
    schemes,
    fetch: globalThis.fetch,
    now: seconds,
    timeout: 5000,
    interval: 5,
    backoff: { base: 20, max: 200 },
    ...options,
  });
  onTestFinished(() => gatherer[Symbol.asyncDispose]());
  return gatherer;
}

/** A copy of a directory as it is. */
export function backup(directory: string): string {
  const copy = join(temporaryDirectory(), 'backup');
  cpSync(directory, copy, { recursive: true });
  return copy;
}
