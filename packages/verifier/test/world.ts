import {
  addSignatures,
  cosign,
  cosignerOf,
  ed25519Signer,
  formatSignedNote,
  formatVkey,
  type IndexMapping,
  type PrivateKey,
  parseSignedNote,
  privateKeyFromSeed,
  sha256,
} from '@vitrine/core';
import { Log } from '@vitrine/core/log';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { type Payload, signStatement, statementMapping } from '@vitrine/signer';
import { MemoryDisk, MemoryStore } from '@vitrine/testkit';
import { makeBundle } from '../src/bundle/make-bundle.ts';
import { parseTrust } from '../src/trust/parse-trust.ts';
import type { Trust } from '../src/trust/trust.ts';

export const ORIGIN = 'log.example/releases';
/** When everything happens. */
export const NOW = 1_800_000_000;

/** For keys of type 0x06. It is the deterministic variant of ML-DSA, so that bundles do not change. */
export const SCHEMES = [mlDsa44];

const key = (name: string, type: number, seed: number): PrivateKey =>
  privateKeyFromSeed(name, type, new Uint8Array(32).fill(seed), { schemes: SCHEMES });

export const LOG_KEY = key(ORIGIN, 0x01, 1);
export const VENDOR = key('acme.example/releases', 0x01, 2);
export const VENDOR_NEXT = key('acme.example/releases', 0x01, 3);
export const OTHER_VENDOR = key('other.example/releases', 0x01, 4);
export const REVIEWERS = [
  key('csa.example', 0x01, 5),
  key('bsi.example', 0x01, 6),
  key('lab.example', 0x01, 7),
] as const;
export const WITNESSES = [
  key('zurich.example/w1', 0x04, 8),
  key('toronto.example/w1', 0x04, 9),
  key('osaka.example/w1', 0x04, 10),
] as const;
/** A mirror that derives the index again before it cosigns. */
export const INDEX_CHECKER = key('zurich.example/mirror', 0x04, 11);
export const OTHER_CHECKER = key('toronto.example/mirror', 0x04, 12);
export const ML_DSA_WITNESS = key('nairobi.example/w1', 0x06, 13);
export const ML_DSA_LOG_KEY = key(ORIGIN, 0x06, 14);

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A file as a statement has it. */
export const artifact = (name: string, content: string): { name: string; size: number; sha256: Uint8Array } => ({
  name,
  size: content.length,
  sha256: sha256(utf8(content)),
});

const artifactDigest = (name: string): { name: string; sha256: Uint8Array } => ({ name, sha256: sha256(utf8(name)) });

/** A download as a request has it. */
export const download = (content: string): { digest: Uint8Array; size: number } => ({
  digest: sha256(utf8(content)),
  size: content.length,
});

export const source = (product = 'tool', version = '1'): Payload => ({
  type: 'source',
  product,
  version,
  revision: `r${version}`,
  tree: { root: sha256(utf8(`${product} ${version}`)), files: 1, size: 1 },
});

export const build = (
  contents: Record<string, string>,
  {
    product = 'tool',
    channel = 'stable',
    platform,
    of,
  }: { product?: string; channel?: string; platform?: string; of?: Uint8Array } = {},
): Payload => ({
  type: 'build',
  product,
  version: '1',
  channel,
  ...(platform !== undefined && { platform }),
  artifacts: Object.keys(contents)
    .sort()
    .map((name) => artifact(name, contents[name]!)),
  ...(of !== undefined && { source: of }),
});

export const database = (sequence: number, content: string, expires?: number): Payload => ({
  type: 'database',
  name: 'daily',
  sequence,
  artifacts: [artifact('daily.db', content)],
  ...(expires !== undefined && { expires }),
});

/** A log in memory that takes whatever it is given, so that attacks need not get past an admission. */
export class World {
  readonly log: Log;
  readonly #key: PrivateKey;
  #issuedAt = NOW - 10_000;

  private constructor(log: Log, logKey: PrivateKey) {
    this.log = log;
    this.#key = logKey;
  }

  /** @param mapping that its index is derived by: a lying operator's, for instance */
  static async create({
    logKey = LOG_KEY,
    mapping = statementMapping,
  }: {
    readonly logKey?: PrivateKey;
    readonly mapping?: IndexMapping;
  } = {}): Promise<World> {
    const disk = new MemoryDisk();
    const log = await Log.create((description) => MemoryStore.create(disk, description), {
      origin: logKey.vkey.keyName,
      vkeys: [formatVkey(logKey.vkey)],
      kind: 'statements',
      duplicates: false,
      signer: ed25519Signer(logKey),
      admission: { admit: async () => [] },
      mapping,
    });
    return new World(log, logKey);
  }

  /** Appends a statement in a commit of its own, and gives its leaf. */
  async say(
    payload: Payload,
    by: PrivateKey = VENDOR,
    audience: string = this.#key.vkey.keyName,
  ): Promise<{ leaf: number; leafHash: Uint8Array; entry: Uint8Array }> {
    const entry = await signStatement(payload, { signer: ed25519Signer(by), audience, issuedAt: this.#issuedAt++ });
    const { index, leafHash } = await this.log.append(entry);
    return { leaf: index, leafHash, entry };
  }

  review(
    subject: Uint8Array,
    verdict: 'reviewed' | 'reproduced' | 'equivalent' | 'rejected',
    by: PrivateKey = REVIEWERS[0],
  ): ReturnType<World['say']> {
    if (verdict !== 'equivalent') return this.say({ type: 'review', subject, verdict }, by);
    return this.say({ type: 'review', subject, verdict, normalizer: artifactDigest('normalize') }, by);
  }

  withdraw(subject: Uint8Array, by: PrivateKey = VENDOR): ReturnType<World['say']> {
    return this.say({ type: 'withdrawal', subject, reason: 'bad' }, by);
  }

  /** The newest checkpoint, cosigned at these times; without times by nobody. */
  async checkpoint(
    times: readonly (readonly [PrivateKey, number])[] = WITNESSES.map((witness) => [witness, NOW - 60] as const),
  ): Promise<{ size: number; note: Uint8Array }> {
    const { size, note } = this.log.checkpoint();
    const parsed = parseSignedNote(note);
    const cosignatures = await Promise.all(
      times.map(([witness, time]) =>
        cosign({ text: parsed.text, cosigner: cosignerOf(witness, { schemes: SCHEMES }), time }),
      ),
    );
    return { size, note: formatSignedNote(addSignatures(parsed, cosignatures)) };
  }

  /** A bundle for the release at a leaf, from the newest checkpoint. */
  async bundle(
    leaf: number,
    options: {
      readonly times?: readonly (readonly [PrivateKey, number])[];
      /** In place of the checkpoint that is cosigned at those times. */
      readonly note?: Uint8Array;
      readonly earlier?: readonly number[];
      readonly manifest?: Uint8Array;
    } = {},
  ): Promise<Uint8Array> {
    const checkpoint = await this.checkpoint(options.times);
    const { earlier, manifest, note = checkpoint.note } = options;
    return makeBundle(this.log, leaf, {
      checkpoint: { size: checkpoint.size, note },
      ...(earlier !== undefined && { earlier }),
      ...(manifest !== undefined && { manifest }),
    });
  }
}

/** The lines of a trust file about the world, but for its release lines. */
export const TRUST_HEAD = [
  `log ${formatVkey(LOG_KEY.vkey)}`,
  ...WITNESSES.map(({ vkey }, i) => `witness w${i + 1} ${formatVkey(vkey)}`),
  `witness checker ${formatVkey(INDEX_CHECKER.vkey)}`,
  'group witnesses 2 w1 w2 w3',
  'quorum witnesses',
  `indexed ${ORIGIN}`,
  `signer acme ${formatVkey(VENDOR.vkey)}`,
  `signer other ${formatVkey(OTHER_VENDOR.vkey)}`,
  ...REVIEWERS.map(({ vkey }, i) => `reviewer r${i + 1} ${formatVkey(vkey)}`),
  'reviewer-group two 2 r1 r2 r3',
] as const;

/** A trust file with these lines behind {@link TRUST_HEAD}. */
export const trustOf = (...lines: readonly string[]): Trust =>
  parseTrust(utf8(`${[...TRUST_HEAD, ...lines].join('\n')}\n`));
