import {
  addSignatures,
  type Cosigner,
  cosignatureTime,
  cosignerOf,
  formatSignedNote,
  openCheckpoint,
  type PrivateKey,
  parseSignatureLines,
  parseSignedNote,
} from '@vitrine/core';
import type { Hono } from 'hono';
import { onTestFinished } from 'vitest';
import { witnessApp } from '../../src/http/witness-app.ts';
import type { Kept } from '../../src/witness/evidence.ts';
import type { Finding } from '../../src/witness/finding.ts';
import { Witness, type WitnessOptions } from '../../src/witness/witness.ts';
import { temporaryDirectory } from './directory.ts';
import { keyOf, schemes, TestLog, TIME } from './logs.ts';

export const ED25519 = keyOf('witness.example/w4', 0x04, 4);
export const ML_DSA = keyOf('witness.example/w6', 0x06, 6);

export interface TestWitness {
  readonly witness: Witness;
  readonly app: Hono;
  readonly directory: string;
  readonly found: (readonly [Finding['kind'], Kept])[];
  readonly faults: unknown[];
  /** How many signatures its keys have made. */
  signatures: number;
  /** Seconds since the Epoch, to be set. */
  now: number;
  add(body: Uint8Array): Promise<Response>;
  subtree(body: Uint8Array): Promise<Response>;
  /** The witness's next process, with other options if any are given. */
  again(options?: Partial<TestWitnessOptions>): Promise<TestWitness>;
}

interface TestWitnessOptions extends Omit<WitnessOptions, 'cosigners' | 'now' | 'keysOf'> {
  readonly keys: readonly PrivateKey[];
  readonly logs: readonly TestLog[];
  readonly signsSubtrees: boolean;
}

export async function testWitness(options: Partial<TestWitnessOptions> = {}): Promise<TestWitness> {
  const { directory = temporaryDirectory(), keys = [ED25519, ML_DSA], logs = [new TestLog()], signsSubtrees } = options;
  const vkeys = logs.flatMap((log) => log.vkeys);
  const found: (readonly [Finding['kind'], Kept])[] = [];
  const faults: unknown[] = [];
  const counted = ({ vkey, sign }: Cosigner): Cosigner => ({
    vkey,
    sign: (message) => {
      test.signatures++;
      return sign(message);
    },
  });
  const witness = await Witness.open({
    ...options,
    directory,
    cosigners: keys.map((key) => counted(cosignerOf(key, { schemes }))),
    keysOf: (origin) => vkeys.filter(({ keyName }) => keyName === origin),
    now: () => test.now,
    onFinding: ({ kind }, kept) => found.push([kind, kept]),
  });
  onTestFinished(() => witness[Symbol.asyncDispose]());
  const app = witnessApp({ witness, signsSubtrees, onFault: (error) => faults.push(error) });
  const post = async (path: string, body: Uint8Array): Promise<Response> =>
    app.request(path, { method: 'POST', body: new Uint8Array(body) });
  const test: TestWitness = {
    witness,
    app,
    directory,
    found,
    faults,
    signatures: 0,
    now: TIME,
    add: (body) => post('/add-checkpoint', body),
    subtree: (body) => post('/sign-subtree', body),
    again: async (changed = {}) => {
      await witness[Symbol.asyncDispose]();
      return testWitness({ ...options, directory, ...changed });
    },
  };
  return test;
}

export async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

/** The times of the cosignatures in an answer, by the names of their keys: each is one of this checkpoint. */
export async function cosignatureTimes(
  response: Response,
  note: Uint8Array,
  { log = new TestLog(), keys = [ED25519, ML_DSA] }: { log?: TestLog; keys?: readonly PrivateKey[] } = {},
): Promise<Record<string, number>> {
  const lines = parseSignatureLines(await bytesOf(response));
  const cosigned = formatSignedNote(addSignatures(parseSignedNote(note), lines));
  const cosigners = keys.map(({ vkey }) => vkey);
  const opened = openCheckpoint(cosigned, { origin: log.origin, keys: log.vkeys, cosigners, schemes });
  const own = opened.note.verified.filter(({ verifier }) => cosigners.some(({ keyId }) => keyId === verifier.keyId));
  return Object.fromEntries(
    own.map(({ verifier, signatures }) => [verifier.keyName, cosignatureTime(signatures.at(-1)!)]),
  );
}
