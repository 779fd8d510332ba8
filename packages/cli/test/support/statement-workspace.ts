import { mkdirSync, writeFileSync } from 'node:fs';
import { ed25519Signer, formatPrivateKey, formatVkey, type PrivateKey } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { signStatement, statementAdmission, statementMapping } from '@vitrine/signer';
import { expect } from 'vitest';
import { fixedKey, LOG_KEY, type RunOptions, type Transcript, type Workspace, workspace } from './workspace.ts';

/** The keys that the log of {@link workspaceWithStatements} admits. Nothing here is secret. */
export const VENDOR_KEY = fixedKey('acme.example', 0x01, 11);
export const REVIEWER_KEY = fixedKey('reviewer.example', 0x01, 12);
/** A key that it does not admit. */
export const OTHER_KEY = fixedKey('other.example', 0x01, 13);

const ISSUED_AT = 1_700_000_000;

/**
 * A workspace with a log of statements, `log`, which has an index and has admitted a vendor and a reviewer at leaf 0; its key
 * where it belongs; and for `vendor`, `reviewer` and `other` a key file `<name>.key` and a vkey file `<name>.vkey`.
 */
export async function workspaceWithStatements(): Promise<Workspace> {
  const created = workspace();
  mkdirSync(created.path('config', 'vitrine', 'keys'), { recursive: true });
  writeKey(created.path('config', 'vitrine', 'keys', 'example.com+log.ed25519.key'), LOG_KEY);
  for (const [name, key] of Object.entries({ vendor: VENDOR_KEY, reviewer: REVIEWER_KEY, other: OTHER_KEY })) {
    writeKey(created.path(`${name}.key`), key);
    created.write(`${name}.vkey`, `${formatVkey(key.vkey)}\n`);
  }
  await createStatementLog(created, 'log');
  return created;
}

function writeKey(path: string, key: PrivateKey): void {
  writeFileSync(path, `${formatPrivateKey(key)}\n`, { mode: 0o600 });
}

/** Creates a log of statements in a directory of a workspace. It has the same key as any other of its origin here. */
export async function createStatementLog(created: Workspace, directory: string, key = LOG_KEY): Promise<void> {
  const signer = ed25519Signer(key);
  const log = await Log.create((description) => LevelStore.create(created.path(directory), description), {
    origin: key.vkey.keyName,
    vkeys: [formatVkey(key.vkey)],
    kind: 'statements',
    duplicates: false,
    signer,
    admission: statementAdmission,
    mapping: statementMapping,
  });
  const add = [
    { role: 'vendor', vkey: formatVkey(VENDOR_KEY.vkey) },
    { role: 'reviewer', vkey: formatVkey(REVIEWER_KEY.vkey) },
  ] as const;
  const options = { signer, audience: key.vkey.keyName, issuedAt: ISSUED_AT };
  await log.append(await signStatement({ type: 'admission', add }, options));
  await log[Symbol.asyncDispose]();
}

/** How many entries the log has, by its newest checkpoint. */
export function sizeOf(w: Workspace, log = 'log'): number {
  return Number(w.read(`${log}/checkpoint`).toString().split('\n')[1]);
}

/** Runs a command that is refused, and checks that nothing was appended to the log and no result printed. */
export async function refusedRun(w: Workspace, args: readonly string[], options: RunOptions = {}): Promise<Transcript> {
  const before = sizeOf(w);
  const result = await w.run(args, options);
  expect(result.stdout).toBe('');
  expect(result.status).not.toBe(0);
  expect(sizeOf(w)).toBe(before);
  return result;
}
