import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  addSignatures,
  cosign,
  cosignerOf,
  ed25519Signer,
  formatSignedNote,
  formatVkey,
  type PrivateKey,
  parseSignedNote,
} from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { type Payload, signStatement, statementAdmission, statementMapping } from '@vitrine/signer';
import { type AgentState, makeBundle, parseState } from '@vitrine/verifier';
import { onTestFinished } from 'vitest';
import { TRUST } from './agent-workspace.ts';
import { write } from './releases.ts';
import { VENDOR_KEY, workspaceWithStatements } from './statement-workspace.ts';
import { LOG_KEY, type Transcript, transcript, WITNESS_KEY, type Workspace } from './workspace.ts';

/** The agent of examples/agent. */
export const AGENT: string = fileURLToPath(new URL('../../../../examples/agent/agent.js', import.meta.url));

/** The stream and the file of a {@link Feed}. */
export const STREAM = 'acme-daily';
export const NAME = 'daily.db';

/** One release of the database. */
export interface FedRelease {
  readonly leaf: number;
  readonly sequence: number;
  readonly content: Uint8Array;
  readonly sha256: string;
  /** As of when it was the newest statement of the log. */
  readonly bundle: Uint8Array;
}

/**
 * A vendor's log, a witness that cosigns each tree, and the directory `feed` that agents update from. `trust` takes each release of the
 * database. Agents install into `installed`.
 */
export class Feed {
  readonly w: Workspace;
  readonly #log: Log;
  readonly #witness: PrivateKey;
  readonly #sizes: number[] = [];
  #sequence = 0;

  private constructor(w: Workspace, log: Log, witness: PrivateKey) {
    this.w = w;
    this.#log = log;
    this.#witness = witness;
  }

  static async create({ witness = WITNESS_KEY } = {}): Promise<Feed> {
    const w = await workspaceWithStatements();
    const log = await Log.open(await LevelStore.open(w.path('log')), {
      signer: ed25519Signer(LOG_KEY),
      admission: statementAdmission,
      mapping: statementMapping,
    });
    onTestFinished(() => log[Symbol.asyncDispose]());
    const lines = TRUST.map((line) => (line.startsWith('witness ') ? `witness w4 ${formatVkey(witness.vkey)}` : line));
    const rule = `release ${STREAM} signed-by acme max-age 1h`;
    write(w, { trust: `${[...lines, rule].join('\n')}\n`, 'feed/about': 'the feed of acme\n' });
    return new Feed(w, log, witness);
  }

  /** Appends a statement of the vendor, and returns its leaf index. */
  async append(payload: Payload): Promise<number> {
    const options = { signer: ed25519Signer(VENDOR_KEY), audience: this.#log.origin, issuedAt: 1_700_000_000 };
    return (await this.#log.append(await signStatement(payload, options))).index;
  }

  /** Logs a release of the database, which is not in the feed yet. */
  async release(content: string | Uint8Array, { size }: { readonly size?: number } = {}): Promise<FedRelease> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const sha256 = createHash('sha256').update(bytes).digest();
    const sequence = ++this.#sequence;
    const artifact = { name: NAME, size: size ?? bytes.length, sha256: new Uint8Array(sha256) };
    const leaf = await this.append({ type: 'database', name: STREAM, sequence, artifacts: [artifact] });
    return { leaf, sequence, content: bytes, sha256: sha256.toString('hex'), bundle: await this.bundle(leaf) };
  }

  async withdraw({ leaf }: FedRelease): Promise<void> {
    await this.append({ type: 'withdrawal', subject: await this.#log.leafHash(leaf), reason: 'false positives' });
  }

  /** The bundle of a release from the newest tree, which the witness cosigns now. Shows that it grew from those before. */
  async bundle(leaf: number, manifest?: Uint8Array): Promise<Uint8Array> {
    const { note, size } = this.#log.checkpoint();
    const parsed = parseSignedNote(note);
    const cosigner = cosignerOf(this.#witness, { schemes: [mlDsa44] });
    const line = await cosign({ text: parsed.text, cosigner, time: Math.floor(Date.now() / 1000) });
    const checkpoint = { note: formatSignedNote(addSignatures(parsed, [line])), size };
    const earlier = this.#sizes.slice(-8);
    if (this.#sizes.at(-1) !== size) this.#sizes.push(size);
    return makeBundle(this.#log, leaf, { checkpoint, earlier, ...(manifest && { manifest }) });
  }

  /** Puts a release into the feed, in place of the one before. */
  serve({ content, bundle }: Pick<FedRelease, 'content' | 'bundle'>): void {
    write(this.w, { [`feed/${NAME}`]: content, [`feed/${NAME}.vitrine`]: bundle });
  }

  /** Logs a release and puts it into the feed. */
  async ship(content: string | Uint8Array): Promise<FedRelease> {
    const release = await this.release(content);
    this.serve(release);
    return release;
  }

  /** Starts an agent. */
  start({ from = 'feed', env = {}, into = 'installed', more = [], program = AGENT }: AgentOptions = {}): ChildProcess {
    const files = ['--trust', 'trust', '--from', from, '--into', into];
    return spawn(process.execPath, [program, ...files, '--stream', STREAM, '--name', NAME, ...more], {
      cwd: this.w.directory,
      env: { ...process.env, ...env },
    });
  }

  /** Runs an agent. */
  update(options: AgentOptions = {}): Promise<Transcript> {
    return transcript(this.start(options), {});
  }

  /** What is installed: the file, its state and the name of the generation; undefined before anything was. */
  installed(into = 'installed'): { generation: string; content: Uint8Array; state: AgentState } | undefined {
    if (!existsSync(this.w.path(into, 'current'))) return undefined;
    return {
      generation: readlinkSync(this.w.path(into, 'current')),
      content: new Uint8Array(this.w.read(`${into}/current/${NAME}`)),
      state: parseState(new Uint8Array(this.w.read(`${into}/current/${NAME}.state`))),
    };
  }
}

/** How the agent is run. */
export interface AgentOptions {
  readonly from?: string;
  readonly into?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly more?: readonly string[];
  readonly program?: string;
}
