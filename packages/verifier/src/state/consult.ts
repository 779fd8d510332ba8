import { equalBytes } from '@vitrine/core';
import { CLOCK_TOLERANCE } from '../decision/checkpoint-time.ts';
import { Refusal } from '../refusal.ts';
import type { AgentState, InstalledRelease, LogState, SeenCheckpoint, StreamState } from './state.ts';

/** A checkpoint that a decision is made by, and what else it is made by. */
export interface Consultation {
  readonly origin: string;
  /** As the caller names it. */
  readonly stream: string;
  readonly seen: SeenCheckpoint;
  /** Trees that it is shown to have grown from. */
  readonly earlier: readonly { readonly size: number; readonly root: Uint8Array }[];
  /** When witnesses had seen it. */
  readonly time: number | undefined;
  /** Of the trust file. */
  readonly serial: number | undefined;
  readonly now: number;
}

/** What a state makes of a consultation. */
export interface Consulted {
  /** What to remember of it, whatever becomes of the release. */
  readonly next: AgentState;
  readonly consistency: 'proven' | 'unproven' | 'none';
}

// Two for each release that comes without a proof; a log that never settles any is one to ask about.
const MAX_UNSETTLED = 32;

/**
 * Checks that a checkpoint does not contradict what the agent has seen, nor goes back behind what it has consulted.
 *
 * @throws Refusal `trust-serial`, `clock`, `fork` with evidence, `stale`
 */
export function consult(state: AgentState, consultation: Consultation): Consulted {
  const { origin, stream, seen, time, serial, now } = consultation;
  if (state.serial !== undefined && (serial ?? 0) < state.serial) {
    throw new Refusal(
      'trust-serial',
      `the trust file has the serial ${serial ?? 0}, and one with ${state.serial} was used before`,
    );
  }
  if (state.time !== undefined && now < state.time - CLOCK_TOLERANCE) {
    throw new Refusal(
      'clock',
      `the clock is behind: witnesses had seen a checkpoint ${state.time - now} s later than now`,
    );
  }
  const known = state.logs.find((log) => log.origin === origin);
  const { log, consistency } = known === undefined ? first(origin, seen) : grown(known, consultation);
  const of = streamIn(state, consultation);
  if (of !== undefined && seen.size < of.consulted) {
    throw new Refusal(
      'stale',
      `the checkpoint has ${seen.size} leaves, and one of ${of.consulted} was consulted for ${stream} before`,
    );
  }
  const times = [state.time, time].filter((one) => one !== undefined);
  const serials = [state.serial, serial].filter((one) => one !== undefined);
  const next: AgentState = {
    ...(serials.length > 0 && { serial: Math.max(...serials) }),
    ...(times.length > 0 && { time: Math.max(...times) }),
    logs: [...state.logs.filter((one) => one !== known), log],
    streams: [...state.streams.filter((one) => one !== of), { ...(of ?? { origin, stream }), consulted: seen.size }],
  };
  return { next, consistency };
}

/** What an agent remembers of a stream. */
export function streamIn(
  { streams }: AgentState,
  { origin, stream }: Pick<Consultation, 'origin' | 'stream'>,
): StreamState | undefined {
  return streams.find((one) => one.origin === origin && one.stream === stream);
}

function first(origin: string, seen: SeenCheckpoint): { log: LogState; consistency: Consulted['consistency'] } {
  return { log: { origin, largest: seen, unsettled: [] }, consistency: 'none' };
}

function grown(
  known: LogState,
  { origin, seen, earlier }: Consultation,
): { log: LogState; consistency: Consulted['consistency'] } {
  const all = [...known.unsettled, known.largest];
  for (const old of all) {
    const proven = old.size === seen.size ? seen : earlier.find(({ size }) => size === old.size);
    if (proven === undefined || equalBytes(proven.root, old.root)) continue;
    throw new Refusal('fork', `the log ${origin} has signed two trees of which neither has grown from the other`, {
      evidence: { checkpoints: [old.checkpoint, seen.checkpoint] },
    });
  }
  const isSettled = (old: SeenCheckpoint): boolean =>
    old.size === seen.size || earlier.some(({ size }) => size === old.size);
  const { largest } = known;
  if (largest.size === seen.size)
    return { log: { ...known, unsettled: known.unsettled.filter((old) => !isSettled(old)) }, consistency: 'proven' };
  const unsettled = all.filter((old) => !isSettled(old));
  if (seen.size > largest.size) {
    const log = { origin, largest: seen, unsettled: unsettled.slice(-MAX_UNSETTLED) };
    return { log, consistency: isSettled(largest) ? 'proven' : 'unproven' };
  }
  // Of an older tree nothing shows here that the largest one grew from it.
  const others = known.unsettled.filter((old) => old.size !== seen.size);
  return { log: { ...known, unsettled: [...others, seen].slice(-MAX_UNSETTLED) }, consistency: 'unproven' };
}

/**
 * Checks that a release does not go back behind the one that is installed.
 *
 * @param release that is to be installed instead
 * @throws Refusal `rollback`; `fork` where the stream's counts contradict the leaves
 */
export function checkAdvance(
  state: AgentState,
  { origin, stream }: Pick<Consultation, 'origin' | 'stream'>,
  release: InstalledRelease,
): void {
  const { installed } = streamIn(state, { origin, stream }) ?? {};
  if (installed === undefined) return;
  if (release.leaf < installed.leaf) {
    throw new Refusal(
      'rollback',
      `the release is at leaf ${release.leaf}, and one at leaf ${installed.leaf} is installed`,
    );
  }
  const { sequence } = installed;
  if (sequence !== undefined && (release.sequence ?? -1) < sequence) {
    throw new Refusal(
      'rollback',
      `the release has the sequence ${release.sequence ?? 'none'}, and ${sequence} is installed`,
    );
  }
  // Another issuer's is another stream to the log, with a count of its own.
  if (installed.issuer !== release.issuer) return;
  // The tree is not smaller than the one that was consulted then. What came since is one more at least.
  const least = installed.count + (release.leaf >= installed.size ? 1 : 0);
  if (release.count >= least) return;
  throw new Refusal(
    'fork',
    `the stream ${stream} had ${installed.count} statements in a tree of ${installed.size} leaves, and ${release.count} in one ` +
      `of ${release.size} that has the release at leaf ${release.leaf}`,
  );
}

/** The state once a release was installed. */
export function withInstalled(
  state: AgentState,
  { origin, stream }: Pick<Consultation, 'origin' | 'stream'>,
  installed: InstalledRelease,
): AgentState {
  const streams = state.streams.map((one) =>
    one.origin === origin && one.stream === stream ? { ...one, installed } : one,
  );
  return { ...state, streams };
}
