// A complete updater for one file, a signature database for instance: it downloads, verifies, applies a delta, and installs.
// README.md says how it is run, and what holds. It is meant to be copied and changed.

import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { link, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { parseManifest, parseStatement } from '@vitrine/signer';
import {
  formatState,
  MAX_BUNDLE_SIZE,
  NO_STATE,
  parseBundle,
  parseState,
  parseTrust,
  Refusal,
  trustSchemes,
  verifyRelease,
} from '@vitrine/verifier';
import { applyDelta } from './delta.js';
import { download, save } from './download.js';
import { Generations, writeDurably } from './generations.js';

const USAGE =
  'usage: node agent.js --trust <file> --stream <stream> --name <file of the release> --from <directory or URL>\n' +
  '                     --into <directory> [--timeout <seconds>]';

// Larger releases are not installed, whoever signed them. In bytes.
const MAX_SIZE = 1e9;

/** Makes the next generation, and says what it did. @throws Refusal; the old release stays then, as it does on any error */
async function update({ trust: trustFile, stream, name, from, signal }, generations) {
  const { old, next } = generations;
  const trust = parseTrust(await readFile(trustFile));
  const schemes = await trustSchemes(trust);
  // Without its state an agent could be taken back: one that is lost is not begun anew.
  const state = old === undefined ? NO_STATE : parseState(await readFile(join(old, `${name}.state`)));
  await save(download(from, `${name}.vitrine`, signal), join(next, `${name}.vitrine`), MAX_BUNDLE_SIZE);
  const bundle = await readFile(join(next, `${name}.vitrine`));
  const decide = ({ size, sha256: digest }) => {
    const now = Math.floor(Date.now() / 1000);
    return verifyRelease({ stream, name, size, digest }, bundle, trust, now, state, { schemes });
  };
  try {
    // Decided first as if the file were here. What is refused is never fetched, and the size of what is fetched is known.
    const { artifact } = decide(promised(bundle, name)).finding;
    if (artifact.size > MAX_SIZE)
      throw new Error(`${name} has ${artifact.size} bytes, and this agent takes ${MAX_SIZE}`);
    const how = await obtain({ from, old, next, artifact, signal });
    // And then of what is on the disk.
    const decision = decide(await measure(join(next, name)));
    await writeDurably(join(next, `${name}.state`), formatState(decision.state));
    await generations.commit();
    return `${stream}: ${how}, leaf ${decision.finding.release.leaf}`;
  } catch (error) {
    if (error.evidence !== undefined) await generations.keepFork([...error.evidence.checkpoints, bundle]);
    // It was withdrawn or rejected. That is not forgotten, so that no older bundle can hide it.
    if (error.state !== undefined) {
      await generations.beginAgain({ without: `${name}.state` });
      await writeDurably(join(next, `${name}.state`), formatState(error.state));
      await generations.commit();
    }
    throw error;
  }
}

/** The file as its bundle has it, which nobody has verified yet. If that cannot be read, the decision says why. */
function promised(bundle, name) {
  const nothing = { size: 0, sha256: new Uint8Array(32) };
  try {
    const { release, statements, manifest } = parseBundle(bundle);
    const { payload } = parseStatement(statements.find(({ index }) => index === release).entry);
    return (payload.artifacts ?? parseManifest(manifest, name)).find((artifact) => artifact.name === name) ?? nothing;
  } catch {
    return nothing;
  }
}

/** Size and hash of a file, which is never in memory as a whole. */
async function measure(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { size: (await stat(path)).size, sha256: hash.digest() };
}

/** Puts the file into the next generation: the old one if it is still the newest, what a delta makes of it, or a download. */
async function obtain({ from, old, next, artifact: { name, size, sha256 }, signal }) {
  const path = join(next, name);
  const oldPath = old && join(old, name);
  if (oldPath && existsSync(oldPath)) {
    const installed = await measure(oldPath);
    if (installed.sha256.equals(sha256)) {
      await link(oldPath, path);
      return 'still the newest';
    }
    try {
      const delta = download(from, `${name}.from-${installed.sha256.toString('hex')}.zst`, signal);
      await applyDelta({ oldPath, delta, path, size, signal });
      if ((await measure(path)).sha256.equals(sha256)) return 'installed by a delta';
      throw new Error('it leads to another file');
    } catch (error) {
      console.error(`agent: no delta, so the whole file is fetched: ${error.message}`);
    }
  }
  await save(download(from, name, signal), path, size);
  return 'installed';
}

function readOptions() {
  const required = ['trust', 'stream', 'name', 'from', 'into'];
  const options = Object.fromEntries([...required, 'timeout'].map((option) => [option, { type: 'string' }]));
  const { timeout = '900', ...values } = parseArgs({ options }).values;
  for (const option of required) if (!values[option]) throw new Error(`--${option} is missing`);
  if (values.name !== basename(values.name) || ['.', '..', 'fork'].includes(values.name))
    throw new Error('--name is the name of a file, without a directory');
  if (!/^[1-9]\d{0,5}$/.test(timeout)) throw new Error('--timeout is a number of seconds');
  // One deadline for all that a run waits for.
  return { ...values, into: resolve(values.into), signal: AbortSignal.timeout(timeout * 1000) };
}

async function main() {
  let options;
  try {
    options = readOptions();
  } catch (error) {
    console.error(`agent: ${error.message}\n${USAGE}`);
    return 2;
  }
  try {
    const generations = await Generations.open(options.into);
    console.log(`agent: ${await update(options, generations).finally(() => generations.close())}`);
    return 0;
  } catch (error) {
    const isRefused = error instanceof Refusal;
    console.error(`agent: ${isRefused ? `${error.code}: ` : ''}${error.message}`);
    return isRefused ? 1 : 3;
  }
}

process.exitCode = await main();
