import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ed25519Signer,
  formatVkey,
  KEY_TYPE_ED25519,
  leafHash,
  privateKeyFromSeed,
  type Signer,
  type VerifierKey,
} from '@vitrine/core';
import { fsck, LevelStore, Log } from '@vitrine/core/log';
import { expect, onTestFinished } from 'vitest';
import {
  type Artifact,
  type Payload,
  type Role,
  SignerError,
  type SignerErrorCode,
  signStatement,
  statementAdmission,
} from '../../src/index.ts';

export const ORIGIN = 'log.example/releases';
export const NOW = 1_800_000_000;

/** Somebody who signs statements. */
export interface Party {
  readonly signer: Signer;
  readonly key: VerifierKey;
  readonly vkey: string;
}

/** A party whose seed is one byte repeated. Nothing here is secret. */
export function party(name: string, byte: number): Party {
  const key = privateKeyFromSeed(name, KEY_TYPE_ED25519, new Uint8Array(32).fill(byte));
  return { signer: ed25519Signer(key), key: key.vkey, vkey: formatVkey(key.vkey) };
}

export const LOG_KEY = party(ORIGIN, 1);
export const VENDOR = party('vendor.example', 2);
export const OTHER_VENDOR = party('other.example', 3);
export const REVIEWER = party('reviewer.example', 4);
export const STRANGER = party('stranger.example', 5);

/** A statement to this log, unless it is for another one. */
export const sign = (
  by: Party,
  payload: Payload,
  audience: string = ORIGIN,
  issuedAt: number = NOW,
): Promise<Uint8Array> => signStatement(payload, { signer: by.signer, audience, issuedAt });

/** Admission of keys, in the order that a statement wants. */
export function adding(role: Role, ...parties: readonly { readonly vkey: string }[]): Payload {
  const vkeys = parties.map(({ vkey }) => vkey).sort();
  return { type: 'admission', add: vkeys.map((vkey) => ({ role, vkey })) };
}

export const removing = ({ key: { keyName, keyId } }: Party): Payload => ({
  type: 'admission',
  remove: [{ keyName, keyId }],
});

/** 32 bytes that are like no other number's. */
export const hashOf = (i: number): Uint8Array => leafHash(Uint8Array.of(i >> 8, i & 0xff));

export const artifact = (i: number, name = `file-${i}`): Artifact => ({ name, size: i, sha256: hashOf(i) });

export const source = (root = 1, product = 'product'): Payload & { type: 'source' } => ({
  type: 'source',
  product,
  version: '1.0',
  revision: 'abc',
  tree: { root: hashOf(root), files: 3, size: 100 },
});

export const build = (file = 1, more: { source?: Uint8Array; product?: string; channel?: string } = {}): Payload => ({
  type: 'build',
  product: 'product',
  version: '1.0',
  channel: 'stable',
  artifacts: [artifact(file)],
  ...more,
});

export const database = (
  sequence: number,
  more: { previous?: Uint8Array; name?: string; file?: number } = {},
): Payload => {
  const { file = sequence, ...rest } = more;
  return { type: 'database', name: 'daily', sequence, artifacts: [artifact(file)], ...rest };
};

export const review = (subject: Uint8Array, verdict: 'reviewed' | 'reproduced' | 'rejected' = 'reviewed'): Payload => ({
  type: 'review',
  subject,
  verdict,
});

export const withdrawal = (subject: Uint8Array, replacement?: Uint8Array): Payload => ({
  type: 'withdrawal',
  subject,
  reason: 'it is broken',
  ...(replacement && { replacement }),
});

export const handling = (): Payload => ({
  type: 'handling',
  category: 'crash-reports',
  site: 'here',
  period: { from: 1, to: 2 },
  commitment: hashOf(9),
});

/** A log of statements in a directory, and what to try on it. */
export class TestLog {
  log!: Log;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** One that has admitted the two vendors and the reviewer; removed when the test is done, and found sound before. */
  static async create({ empty = false } = {}): Promise<TestLog> {
    const parent = await mkdtemp(join(tmpdir(), 'vitrine-admission-'));
    const test = new TestLog(join(parent, 'log'));
    onTestFinished(async () => {
      await test.log[Symbol.asyncDispose]();
      await test.check();
      await rm(parent, { recursive: true, force: true });
    });
    test.log = await Log.create((description) => LevelStore.create(test.#directory, description), {
      origin: ORIGIN,
      vkeys: [LOG_KEY.vkey],
      kind: 'statements',
      duplicates: false,
      signer: LOG_KEY.signer,
      admission: statementAdmission,
    });
    if (!empty) {
      await test.take(LOG_KEY, adding('vendor', VENDOR, OTHER_VENDOR));
      await test.take(LOG_KEY, adding('reviewer', REVIEWER));
    }
    return test;
  }

  async reopen(): Promise<void> {
    await this.log[Symbol.asyncDispose]();
    const store = await LevelStore.open(this.#directory);
    this.log = await Log.open(store, { signer: LOG_KEY.signer, admission: statementAdmission });
  }

  /** That every entry would be taken again, and every pointer is where it leads. The log is closed. */
  async check(): Promise<void> {
    await using store = await LevelStore.open(this.#directory, { checkTables: true });
    await fsck(store, { admission: statementAdmission });
  }

  /** Appends, and gives the leaf hash. */
  async add(bytes: Uint8Array): Promise<Uint8Array> {
    const before = this.log.size;
    const { index, leafHash: hash } = await this.log.append(bytes);
    expect(index).toBe(before);
    return hash;
  }

  async take(by: Party, payload: Payload): Promise<Uint8Array> {
    return this.add(await sign(by, payload));
  }

  /** That entries are refused together, and nothing was appended. */
  async refuseBytes(code: SignerErrorCode, ...entries: readonly Uint8Array[]): Promise<string> {
    const { size, root } = this.log;
    const appended = async (): Promise<void> => {
      for await (const _ of this.log.appendAll(entries)) expect.unreachable('it was taken');
    };
    const error = await appended().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(SignerError);
    expect((error as SignerError).code, (error as SignerError).message).toBe(code);
    expect({ size: this.log.size, root: this.log.root }).toEqual({ size, root });
    return (error as SignerError).message;
  }

  async refuse(code: SignerErrorCode, by: Party, payload: Payload): Promise<string> {
    return this.refuseBytes(code, await sign(by, payload));
  }
}
