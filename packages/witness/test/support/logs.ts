import {
  cosign,
  cosignerOf,
  EMPTY_ROOT,
  ed25519Signer,
  formatAddCheckpoint,
  formatCheckpoint,
  formatSignedNote,
  type NoteSignature,
  type PrivateKey,
  privateKeyFromSeed,
} from '@vitrine/core';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { ReferenceTree } from '@vitrine/testkit';

export const schemes = [mlDsa44];
export const ORIGIN = 'example.com/log';
export const TIME = 1_800_000_000;

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export const keyOf = (keyName: string, type: number, n: number): PrivateKey =>
  privateKeyFromSeed(keyName, type, new Uint8Array(32).fill(n), { schemes });

/** A log that signs whatever it is told to, over the entries `<name> 0`, `<name> 1`, ... */
export class TestLog {
  readonly origin: string;
  readonly keys: readonly PrivateKey[];
  readonly tree: ReferenceTree;

  constructor({
    origin = ORIGIN,
    keys = [keyOf(origin, 0x01, 1)],
    name = 'entry',
    shared = 0,
    size = 300,
  }: {
    origin?: string;
    keys?: readonly PrivateKey[];
    name?: string;
    /** How many entries are the same as those of a log with the usual name. */
    shared?: number;
    size?: number;
  } = {}) {
    this.origin = origin;
    this.keys = keys;
    this.tree = new ReferenceTree(Array.from({ length: size }, (_, i) => utf8(`${i < shared ? 'entry' : name} ${i}`)));
  }

  get vkeys(): PrivateKey['vkey'][] {
    return this.keys.map(({ vkey }) => vkey);
  }

  /** The signed checkpoint of a size. */
  async note(
    size: number,
    {
      root = size === 0 ? EMPTY_ROOT : this.tree.root(size),
      extensions = [],
      keys = this.keys,
      more = [],
      time = TIME,
    }: {
      root?: Uint8Array;
      extensions?: readonly string[];
      keys?: readonly PrivateKey[];
      more?: readonly NoteSignature[];
      time?: number;
    } = {},
  ): Promise<Uint8Array> {
    // Also one that formatCheckpoint would not write.
    const content =
      size === 0
        ? `${this.origin}\n0\n${Buffer.from(root).toString('base64')}\n${extensions.map((line) => `${line}\n`).join('')}`
        : formatCheckpoint({ origin: this.origin, size, root, extensions });
    const signatures: NoteSignature[] = [];
    for (const key of keys) {
      if (key.vkey.type === 0x01) {
        const { keyName, keyId, sign } = ed25519Signer(key);
        signatures.push({ keyName, keyId, signature: await sign(utf8(content)) });
      } else signatures.push(await cosign({ text: content, cosigner: cosignerOf(key, { schemes }), time }));
    }
    return formatSignedNote({ text: content, signatures: [...signatures, ...more] });
  }

  /** The body of a request to add the checkpoint of `size`. */
  async request(
    oldSize: number,
    size: number,
    {
      proof = this.tree.consistency(oldSize, size),
      ...options
    }: { proof?: readonly Uint8Array[] } & Parameters<TestLog['note']>[1] = {},
  ): Promise<Uint8Array> {
    return formatAddCheckpoint({ oldSize, proof, checkpoint: await this.note(size, options) });
  }
}
