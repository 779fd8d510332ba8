import {
  addSignatures,
  cosign,
  cosignerOf,
  ed25519Signer,
  formatSignedNote,
  formatVkey,
  type PrivateKey,
  parseSignedNote,
  privateKeyFromSeed,
} from '@vitrine/core';
import { Log } from '@vitrine/core/log';
import { type Payload, signStatement, statementAdmission, statementMapping } from '@vitrine/signer';
import { MemoryDisk, MemoryStore } from '@vitrine/testkit';
import type { Hono } from 'hono';
import { type LogAppOptions, logApp } from '../../src/log-app.ts';
import type { Metrics } from '../../src/metrics.ts';
import { type ObservedApp, observed, type ServerEnv } from '../../src/observed.ts';
import type { Admitting } from '../../src/submission.ts';

export const ORIGIN = 'log.example/releases';

const key = (name: string, type: number, seed: number): PrivateKey =>
  privateKeyFromSeed(name, type, new Uint8Array(32).fill(seed));

export const LOG_KEY: PrivateKey = key(ORIGIN, 0x01, 1);
export const VENDOR: PrivateKey = key('acme.example/releases', 0x01, 2);
export const STRANGER: PrivateKey = key('other.example/releases', 0x01, 3);
export const WITNESS: PrivateKey = key('zurich.example/w1', 0x04, 8);

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer());

/** A problem as a client gets it. */
export interface ReceivedProblem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly index?: number;
  readonly indices?: readonly number[];
}

/** What an answer says of a refusal, if it is one in the right form; throws otherwise. */
export async function problemIn(response: Response): Promise<ReceivedProblem> {
  const type = response.headers.get('content-type');
  if (type !== 'application/problem+json') throw new Error(`status ${response.status} with ${type} is no problem`);
  const problem = (await response.json()) as ReceivedProblem;
  if (problem.status !== response.status) throw new Error('the status in the body is another');
  return problem;
}

/** Status and code of an answer that is a problem. */
export async function refusalIn(response: Response): Promise<[number, string]> {
  const { status, code } = await problemIn(response);
  return [status, code];
}

/** An application that a test asks without a socket. */
export interface AskedApp extends ObservedApp {
  request(path: string, init?: RequestInit): Promise<Response>;
}

/** Lets a test ask an application. */
export function asked(app: ObservedApp): AskedApp {
  return { ...app, request: async (path, init) => app.fetch(new Request(`http://localhost${path}`, init)) };
}

/** How a log is served in a test. */
export interface ServedOptions extends Partial<Omit<LogAppOptions, 'append'>> {
  readonly kind?: 'raw' | 'statements';
  readonly duplicates?: boolean;
  readonly readOnly?: boolean;
  readonly admitting?: Admitting;
  readonly append?: Partial<NonNullable<LogAppOptions['append']>>;
  readonly metrics?: Metrics;
}

/** A log in memory and its application, with all that a server has around it. */
export class ServedLog {
  readonly log: Log;
  readonly app: AskedApp;
  /** Without what is around it: for `listen`. */
  readonly bare: Hono<ServerEnv>;
  #issuedAt = 1_800_000_000;

  private constructor(log: Log, app: AskedApp, bare: Hono<ServerEnv>) {
    this.log = log;
    this.app = app;
    this.bare = bare;
  }

  static async create({
    kind = 'raw',
    duplicates = false,
    readOnly = false,
    admitting = 'everybody',
    append,
    metrics,
    ...options
  }: ServedOptions = {}): Promise<ServedLog> {
    const disk = new MemoryDisk();
    let store: MemoryStore | undefined;
    const isStatements = kind === 'statements';
    const log = await Log.create(
      async (description) => {
        store = await MemoryStore.create(disk, description);
        return store;
      },
      {
        origin: ORIGIN,
        vkeys: [formatVkey(LOG_KEY.vkey)],
        kind,
        duplicates,
        signer: ed25519Signer(LOG_KEY),
        ...(isStatements && { admission: statementAdmission, mapping: statementMapping }),
      },
    );
    const { app: bare, health } = logApp(log, {
      description: disk.description!,
      derived: store!,
      ...(!readOnly && { append: { log, admitting, ...append } }),
      metrics,
      ...options,
    });
    return new ServedLog(log, asked(observed(bare, { metrics, health })), bare);
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.app.request(path, { headers });
  }

  post(path: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Response> {
    return this.app.request(path, { method: 'POST', body: body as Buffer, headers });
  }

  /** Appends so many entries of some bytes, all different. */
  async fill(count: number, size = 20): Promise<void> {
    const start = this.log.size;
    const entries = Array.from({ length: count }, (_, i) => utf8(`entry ${start + i} `.padEnd(size, '.')));
    for await (const _ of this.log.appendAll(entries)) void _;
  }

  /** A statement of a key, as it is appended. */
  sign(payload: Payload, by: PrivateKey = VENDOR, audience = ORIGIN): Promise<Uint8Array> {
    return signStatement(payload, { signer: ed25519Signer(by), audience, issuedAt: this.#issuedAt++ });
  }

  /** Lets the log take statements of the vendor. */
  async admitVendor(): Promise<void> {
    await this.log.append(
      await this.sign({ type: 'admission', add: [{ role: 'vendor', vkey: formatVkey(VENDOR.vkey) }] }, LOG_KEY),
    );
  }

  /** Has the newest checkpoint cosigned, and kept. */
  async cosign(time = 1_800_000_000): Promise<void> {
    const parsed = parseSignedNote(this.log.checkpoint().note);
    const line = await cosign({ text: parsed.text, cosigner: cosignerOf(WITNESS), time });
    await this.log.publish(formatSignedNote(addSignatures(parsed, [line])));
  }
}
