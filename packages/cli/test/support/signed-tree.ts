import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  ed25519Signer,
  formatBundle,
  formatCheckpoint,
  formatSignedNote,
  formatTilePath,
  HASH_SIZE,
  tileWidth,
} from '@vitrine/core';
import { ReferenceTree } from '@vitrine/testkit';
import { LOG_KEY } from './workspace.ts';

/** The checkpoint that the log would sign of these entries, whatever they are. */
async function signedCheckpoint(entries: readonly Uint8Array[]): Promise<Uint8Array> {
  const { keyName: origin, keyId } = LOG_KEY.vkey;
  const size = entries.length;
  const text = formatCheckpoint({ origin, size, root: new ReferenceTree(entries).root(size), extensions: [] });
  const signature = await ed25519Signer(LOG_KEY).sign(new TextEncoder().encode(text));
  return formatSignedNote({ text, signatures: [{ keyName: origin, keyId, signature }] });
}

/** Writes a signed tree of at most 256 * 256 entries as static files, as an export does. */
export async function writeTree(directory: string, entries: readonly Uint8Array[]): Promise<void> {
  const tree = new ReferenceTree(entries);
  const size = entries.length;
  const write = (path: string, bytes: Uint8Array): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  };
  for (let level = 0; tileWidth(level, 0, size) > 0; level++) {
    for (let index = 0; ; index++) {
      const width = tileWidth(level, index, size);
      if (width === 0) break;
      const span = 256 ** level;
      const hashes = new Uint8Array(width * HASH_SIZE);
      for (let i = 0; i < width; i++) {
        const start = (index * 256 + i) * span;
        hashes.set(tree.hash(start, start + span), i * HASH_SIZE);
      }
      write(formatTilePath({ level, index, width }), hashes);
      if (level > 0) continue;
      const part = entries.slice(index * 256, index * 256 + width);
      write(formatTilePath({ level: 'entries', index, width }), formatBundle(part));
    }
  }
  write('checkpoint', await signedCheckpoint(entries));
}
