import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
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
  privateKeyFromSeed,
  verifyEd25519,
} from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { type Payload, signStatement, statementMapping } from '@vitrine/signer';
import { ChromiumPage } from '@vitrine/testkit/chromium';
import { makeBundle, parseTrust, type ReleaseRequest, verifyRelease } from '@vitrine/verifier';
import { withDirectory } from '../bench-log.ts';
import type { Case } from '../measurement.ts';
import { median, perSecond } from '../rate.ts';
import { ANY, filledLog, signer } from '../statement-log.ts';
import { LOG_KEY, ORIGIN } from '../statements.ts';

const key = (name: string, type: number, seed: number): PrivateKey =>
  privateKeyFromSeed(name, type, new Uint8Array(32).fill(seed));

const VENDOR = key('vendor.example/releases', 0x01, 20);
const REVIEWER = key('reviewer.example', 0x01, 21);
const WITNESSES = ['zurich', 'toronto', 'osaka'].map((city, i) => key(`${city}.example/w1`, 0x04, 30 + i));

/** One review, three witnesses of whom two are needed, and all that the index shows: the newest, and every review and withdrawal. */
const TRUST = `${[
  `log ${formatVkey(LOG_KEY.vkey)}`,
  ...WITNESSES.map(({ vkey }, i) => `witness w${i} ${formatVkey(vkey)}`),
  'group witnesses 2 w0 w1 w2',
  'quorum witnesses',
  `indexed ${ORIGIN}`,
  `signer vendor ${formatVkey(VENDOR.vkey)}`,
  `reviewer csa ${formatVkey(REVIEWER.vkey)}`,
  'release daily signed-by vendor max-age 7d latest reviewed-by csa',
  'release tool/* signed-by vendor max-age 7d latest reproduced-by csa',
].join('\n')}\n`;

const SMALL = { name: 'small.db', size: 1000 };
const LARGE = { name: 'large.db', size: 1_000_000_000 };

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** A file of random bytes, and its hash. */
async function writeArtifact(directory: string, { name, size }: typeof SMALL): Promise<Uint8Array> {
  const hash = createHash('sha256');
  await using file = await open(join(directory, name), 'w');
  for (let left = size; left > 0; ) {
    const bytes = randomBytes(Math.min(left, 1 << 24));
    hash.update(bytes);
    await file.write(bytes);
    left -= bytes.length;
  }
  return new Uint8Array(hash.digest());
}

/** A release in a bundle, and what an agent asks. */
interface Download {
  readonly request: ReleaseRequest;
  readonly bundle: Uint8Array;
}

interface World {
  readonly now: number;
  readonly database: Download;
  readonly build: Download;
  /** The database's bundle with the proof of growth from a tree of half the size. */
  readonly grown: Uint8Array;
}

/** A database with a review, and a build with its source and a review, in a log of `count` statements; and what agents get. */
async function release(directory: string, count: number): Promise<World> {
  const [small, large] = [await writeArtifact(directory, SMALL), await writeArtifact(directory, LARGE)];
  const { path } = await filledLog(directory, count);
  await using log = await Log.open(await LevelStore.open(path), { signer, admission: ANY, mapping: statementMapping });
  const now = Math.floor(Date.now() / 1000);
  const say = async (payload: Payload, by = VENDOR): Promise<{ index: number; leafHash: Uint8Array }> => {
    const options = { signer: ed25519Signer(by), audience: ORIGIN, issuedAt: now };
    return log.append(await signStatement(payload, options));
  };
  const artifacts = [
    { ...LARGE, sha256: large },
    { ...SMALL, sha256: small },
  ];
  const tree = { root: new Uint8Array(32).fill(1), files: 10, size: 1000 };
  const database = await say({ type: 'database', name: 'daily', sequence: 1, artifacts });
  await say({ type: 'review', subject: database.leafHash, verdict: 'reviewed' }, REVIEWER);
  const source = await say({ type: 'source', product: 'tool', version: '1', revision: 'r1', tree });
  const named = { product: 'tool', version: '1', channel: 'stable' } as const;
  const build = await say({ type: 'build', ...named, artifacts: [artifacts[1]!], source: source.leafHash });
  await say({ type: 'review', subject: build.leafHash, verdict: 'reproduced' }, REVIEWER);

  const { size, note } = log.checkpoint();
  const signed = parseSignedNote(note);
  const lines = await Promise.all(
    WITNESSES.map((witness) => cosign({ text: signed.text, cosigner: cosignerOf(witness), time: now })),
  );
  const checkpoint = { size, note: formatSignedNote(addSignatures(signed, lines)) };
  const wanted = { name: SMALL.name, size: SMALL.size, digest: small };
  return {
    now,
    database: {
      request: { ...wanted, stream: 'daily' },
      bundle: await makeBundle(log, database.index, { checkpoint }),
    },
    build: {
      request: { ...wanted, stream: 'tool/stable' },
      bundle: await makeBundle(log, build.index, { checkpoint }),
    },
    grown: await makeBundle(log, database.index, { checkpoint, earlier: [Math.floor(size / 2)] }),
  };
}

/** How often a second a page in Chromium verifies a download. */
async function rateInChromium({ request, bundle }: Download, now: number): Promise<number> {
  const beside = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  await using page = await ChromiumPage.open(beside('../../src/'), beside('../../../verifier/dist/browser/'));
  const args = {
    request: { ...request, digest: base64(request.digest) },
    bundle: base64(bundle),
    trust: base64(Buffer.from(TRUST)),
    now,
    duration: 4000,
  };
  return (await page.call({ module: 'in-page.js', name: 'rate', args: [args] })).value as number;
}

const elapsed = (act: () => unknown): number => {
  const start = performance.now();
  act();
  return performance.now() - start;
};

/** Milliseconds of some runs of a process, after one that warms the caches up. */
function processTime(args: readonly string[], runs: number): number {
  const run = (): number =>
    elapsed(() => execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
  run();
  return median(Array.from({ length: runs }, run));
}

/** Milliseconds that a file takes to be read and hashed by this process, with nothing around it. */
async function hashTime(path: string): Promise<number> {
  const start = performance.now();
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  hash.digest();
  return performance.now() - start;
}

/** What agents do, with releases in a log of `count` statements in a tenth as many streams. */
export const verifying: Case = (count) =>
  withDirectory(async (directory) => {
    const { now, database, build, grown } = await release(directory, count);
    const trust = parseTrust(Buffer.from(TRUST));
    const verify = ({ request, bundle }: Download): (() => void) => {
      return () => void verifyRelease(request, bundle, trust, now);
    };
    const message = new Uint8Array(300);
    const signature = await ed25519Signer(VENDOR).sign(message);
    const rates = {
      signaturesPerSecond: perSecond(() => void verifyEd25519(VENDOR.vkey.publicKey, message, signature)),
      databasesPerSecond: perSecond(verify(database)),
      buildsPerSecond: perSecond(verify(build)),
      databasesPerSecondInChromium: await rateInChromium(database, now),
      buildsPerSecondInChromium: await rateInChromium(build, now),
    };

    const path = (name: string): string => join(directory, name);
    writeFileSync(path('trust'), TRUST);
    for (const { name } of [SMALL, LARGE]) writeFileSync(path(`${name}.vitrine`), database.bundle);
    // As it is published.
    const program = fileURLToPath(new URL('../../../cli/command/main.js', import.meta.url));
    const command = (name: string): string[] => [
      ...[program, 'verify', path(name), '--trust', path('trust'), '--stream', 'daily'],
    ];
    const large = await hashTime(path(LARGE.name));
    return {
      databaseBundleBytes: database.bundle.length,
      buildBundleBytes: build.bundle.length,
      grownBundleBytes: grown.length,
      ...rates,
      nodeMilliseconds: processTime(['-e', '0'], 15),
      smallMilliseconds: processTime(command(SMALL.name), 15),
      largeMilliseconds: processTime(command(LARGE.name), 3),
      hashMilliseconds: Math.min(large, await hashTime(path(LARGE.name))),
    };
  });
