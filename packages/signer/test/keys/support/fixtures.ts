import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEY_TYPE_ED25519, type PrivateKey, privateKeyFromSeed } from '@vitrine/core';
import { onTestFinished } from 'vitest';

/** A key whose seed is one byte repeated. Nothing here is secret. */
export function fixedKey(byte: number, name = 'vendor.example/releases', type: number = KEY_TYPE_ED25519): PrivateKey {
  return privateKeyFromSeed(name, type, new Uint8Array(32).fill(byte));
}

export const KEY: PrivateKey = fixedKey(1);
export const OTHER_KEY: PrivateKey = fixedKey(2);
export const MESSAGE: Uint8Array = new TextEncoder().encode('bytes to be signed');

/** A directory of the test's own. */
export function directory(): string {
  const created = mkdtempSync(join(tmpdir(), 'vitrine-keys-'));
  onTestFinished(() => rmSync(created, { recursive: true, force: true }));
  return created;
}
