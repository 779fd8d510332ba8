import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { SeededRandom } from '@vitrine/testkit';
import { parseTrust, verifyRelease } from '@vitrine/verifier';
import { AGENT, type FedRelease, Feed, NAME, STREAM } from './agent-feed.ts';
import { serving } from './feed-server.ts';
import { write } from './releases.ts';

const SIZE = 4 << 20;
// What changes between two releases.
const CHANGED = 20_000;
// A new agent, which has nothing yet, now and then.
const ROUNDS_PER_AGENT = 10;

/** How agents are killed. */
export interface Kills {
  readonly kills: number;
  readonly seed: number;
  /** Every other release comes with a delta. */
  readonly deltas: boolean;
  readonly program?: string;
}

interface Run {
  readonly child: ChildProcess;
  readonly closed: Promise<unknown[]>;
  /** Resolves when it asks the server for something of this kind. */
  asking(what: (name: string) => boolean): Promise<void>;
}

/** From when on a run is killed: from its start, from when it asks for the bundle, or for the file or a delta. */
type Beginning = 'start' | 'bundle' | 'file';

const BEGINNINGS: readonly Beginning[] = ['start', 'bundle', 'file'];

const FETCHES: Readonly<Record<Exclude<Beginning, 'start'>, (name: string) => boolean>> = {
  bundle: (name) => name.endsWith('.vitrine'),
  file: (name) => !name.endsWith('.vitrine'),
};

/** Where kills came: what was there of the next generation. */
export type Moment = 'before it began' | 'bundle or delta' | 'in the file' | 'file written' | 'new one current';

/**
 * Kills an agent at random moments of an update, and checks each time that what is current is a release, whole, with its bundle and a state
 * that is exactly that release's, and that the next run succeeds.
 *
 * @returns how many kills came at which moment
 * @throws Error if it does not hold
 */
export async function killAgents({ kills, seed, deltas, program = AGENT }: Kills): Promise<Map<Moment, number>> {
  const random = new SeededRandom(seed);
  const feed = await Feed.create();
  const moments = new Map<Moment, number>();
  const next = releases(feed, random, deltas);
  // What an agent asks for says how far it is.
  let asked = (_: string): void => {};
  const { from } = await serving(feed, (name) => {
    asked(name);
    return false;
  });
  const start = (into: string): Run => {
    const child = feed.start({ from, into, program });
    const closed = once(child, 'close');
    const asking = (what: (name: string) => boolean): Promise<void> =>
      new Promise((resolve) => {
        asked = (name) => {
          if (what(name)) resolve();
        };
        // One that has nothing to fetch any more ends.
        closed.then(() => resolve());
      });
    return { child, closed, asking };
  };

  // In milliseconds, from each beginning to the end.
  const measured = new Map<Beginning, number>();
  for (const beginning of BEGINNINGS) {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      await next();
      const { closed, asking } = start('measured');
      if (beginning !== 'start') await asking(FETCHES[beginning]);
      const begun = performance.now();
      const [status] = await closed;
      if (status !== 0) throw new Error(`the agent ended with status ${status}`);
      times.push(performance.now() - begun);
    }
    measured.set(beginning, times.sort((a, b) => a - b)[1]!);
  }

  let into = '';
  let generation = 0;
  let current: FedRelease | undefined;
  for (let round = 0, killed = 0; killed < kills; round++) {
    if (round % ROUNDS_PER_AGENT === 0) {
      if (into !== '') rmSync(feed.w.path(into), { recursive: true });
      into = `installed-${round}`;
      [generation, current] = [0, undefined];
    }
    const release = await next();
    const directory = `${into}/releases/${generation + 1}`;
    const { child, closed, asking } = start(into);
    // Loading the program takes longer than all that follows.
    const beginning = BEGINNINGS[Math.min(random.below(5), 2)]!;
    if (beginning !== 'start') await asking(FETCHES[beginning]);
    await setTimeout(random.below(measured.get(beginning)! * 1000) / 1000);
    child.kill('SIGKILL');
    const [, signal] = await closed;

    const found = checkInstalled(feed, into, [current, release]);
    // Some are done by then.
    if (signal === 'SIGKILL') {
      killed++;
      const moment = found === release ? 'new one current' : momentOf(feed, directory, release);
      moments.set(moment, (moments.get(moment) ?? 0) + 1);
    }

    const { status, stderr } = await feed.update({ from, into, program });
    if (status !== 0) throw new Error(`round ${round}: the run after the kill ended with status ${status}: ${stderr}`);
    if (checkInstalled(feed, into, [release]) !== release) throw new Error(`round ${round}: nothing is installed`);
    generation = Number(readlinkSync(feed.w.path(into, 'current')).split('/')[1]);
    current = release;
  }
  return moments;
}

/** Ships releases of some megabytes, each a little different from the one before. */
function releases(feed: Feed, random: SeededRandom, deltas: boolean): () => Promise<FedRelease> {
  const content = random.bytes(SIZE);
  let last: FedRelease | undefined;
  return async () => {
    content.set(random.bytes(CHANGED), random.below(SIZE - CHANGED));
    const release = await feed.ship(content.slice());
    if (deltas && last !== undefined && random.below(2) === 0) {
      write(feed.w, { old: last.content });
      const delta = `${NAME}.from-${last.sha256}.zst`;
      execFileSync('zstd', ['-q', '-f', `--patch-from=${feed.w.path('old')}`, NAME, '-o', delta], {
        cwd: feed.w.path('feed'),
        stdio: 'pipe',
      });
    }
    last = release;
    return release;
  };
}

/** Which release is current. @throws Error if it is none of them, or not whole, or bundle or state are another's */
function checkInstalled(
  feed: Feed,
  into: string,
  candidates: readonly (FedRelease | undefined)[],
): FedRelease | undefined {
  const installed = feed.installed(into);
  if (installed === undefined) {
    if (candidates.includes(undefined)) return undefined;
    throw new Error('nothing is current any more');
  }
  const { content, state } = installed;
  const release = candidates.find((one) => one !== undefined && Buffer.compare(one.content, content) === 0);
  if (release === undefined) throw new Error(`the file is no release: ${content.length} bytes, half-written`);
  const { leaf, sequence } = state.streams[0]!.installed!;
  if (leaf !== release.leaf || sequence !== release.sequence) {
    throw new Error(`the state is of release ${sequence}, and release ${release.sequence} is installed`);
  }
  const digest = Buffer.from(release.sha256, 'hex');
  const trust = parseTrust(new Uint8Array(feed.w.read('trust')));
  const bundle = new Uint8Array(feed.w.read(`${into}/current/${NAME}.vitrine`));
  const request = { stream: STREAM, name: NAME, digest, size: content.length };
  // The state is of this release: it may be verified again, and would refuse an older one.
  verifyRelease(request, bundle, trust, Math.floor(Date.now() / 1000), state);
  return release;
}

/** Where an agent was killed whose next generation has not become current. */
function momentOf(feed: Feed, directory: string, release: FedRelease): Moment {
  if (!existsSync(feed.w.path(directory))) return 'before it began';
  const path = feed.w.path(directory, NAME);
  if (!existsSync(path)) return 'bundle or delta';
  return statSync(path).size < release.content.length ? 'in the file' : 'file written';
}
