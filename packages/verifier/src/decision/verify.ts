import { equalBytes, formatSignedNote, type SchemeOptions, type VerifiedCheckpoint } from '@vitrine/core';
import { parseBundle } from '../bundle/bundle.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import { type Consultation, type Consulted, checkAdvance, consult, streamIn, withInstalled } from '../state/consult.ts';
import { type AgentState, type InstalledRelease, NO_STATE } from '../state/state.ts';
import type { Trust } from '../trust/trust.ts';
import { checkAge } from './age.ts';
import { artifactOf, checkDownload, isDownload, type ReleaseRequest } from './artifact.ts';
import { openBundledCheckpoint, verifyBundledLeaves } from './bundled-checkpoint.ts';
import { checkpointTime } from './checkpoint-time.ts';
import type { Finding, FoundWitness } from './finding.ts';
import { streamRecord } from './index-records.ts';
import { openRelease } from './release.ts';
import { checkers, checkRule, ruleFor } from './rule.ts';
import { standing } from './standing.ts';
import { type FoundStatement, hashedBundle } from './statements.ts';

// What no older tree may hide again. Not that a release was superseded: anybody can make a bundle of an old one from the newest tree, and
// whoever hands it out once would have an agent refuse the bundle of the newest one until the vendor makes another.
const REMEMBERED: ReadonlySet<RefusalCode> = new Set(['withdrawn', 'rejected']);

/** What a decision can be told besides. */
export interface VerifyOptions extends SchemeOptions {
  /** In seconds: tightens the rule's, and never loosens it. */
  readonly maxAge?: number;
  /**
   * What is asked about is installed already: is it still good, and the newest? Then every rule wants the newest, and a bundle of a
   * newer release than what is there is an answer.
   */
  readonly installed?: boolean;
}

/** A release may be installed. */
export interface Decision {
  readonly finding: Finding;
  /** What to remember once it is installed. */
  readonly state: AgentState;
}

/**
 * Decides whether a download may be installed: it is what the agent asked for, it is logged, enough witnesses have seen the log,
 * the right key signed it, the reviewers whom the agent's owner trusts approve of it, nobody has withdrawn it, and it is fresh and
 * does not go back. Pure: nothing is fetched, and no clock is asked. docs/verifying.md
 *
 * @param now seconds since the Epoch
 * @param state that of the decision before; without one nothing is known to go back from
 * @throws Refusal, which carries the next state where the agent has to remember the refusal itself
 */
export function verifyRelease(
  request: ReleaseRequest,
  bundleBytes: Uint8Array,
  trust: Trust,
  now: number,
  state: AgentState = NO_STATE,
  options: VerifyOptions = {},
): Decision {
  if (trust.expires !== undefined && trust.expires <= now) {
    throw new Refusal('trust-expired', 'the trust file has expired: get a new one from whoever made it');
  }
  const bundle = hashedBundle(parseBundle(bundleBytes));
  const verified = openBundledCheckpoint(bundle, trust, options);
  verifyBundledLeaves(bundle, verified);
  const { origin, size, root } = verified.checkpoint;

  const release = openRelease(bundle, trust, origin);
  const { payload, stream } = release.statement;
  if (stream !== request.stream) {
    throw new Refusal('stream-other', `the release is of the stream ${stream}, and ${request.stream} was asked for`);
  }
  const artifact = artifactOf(release, bundle, request);
  const rule = ruleFor(request.stream, trust);
  checkRule(rule, release, verified, trust);

  const time = checkpointTime(trust.policy, verified.cosignatures, now);
  const consultation = {
    origin,
    stream: request.stream,
    seen: { checkpoint: knownNote(verified), size, root },
    earlier: bundle.earlier,
    time,
    serial: trust.serial,
    now,
  };
  const remembering = <T>(decide: () => T): T => rememberRefusal(decide, () => consult(state, consultation));
  const record = streamRecord(bundle, release);
  const latest = equalBytes(record.last, release.leafHash);
  if (options.installed && !isDownload(artifact, request)) {
    // Of another release than the one that is there, nothing else is asked.
    checkReplaced(state, consultation, release, latest);
    checkDownload(artifact, request);
  }
  const { reviews, source } = remembering(() => standing({ bundle, trust, origin, rule, release }));
  checkLatest(rule.latest || options.installed === true, latest, release);
  checkDownload(artifact, request);
  checkAge({ payload, rule, time, now, maxAge: options.maxAge });
  const { next, consistency } = consult(state, consultation);
  const installed: InstalledRelease = {
    issuer: release.statement.issuer,
    leaf: release.leaf,
    count: record.count,
    size,
    ...(payload.type === 'database' && { sequence: payload.sequence }),
  };
  checkAdvance(state, consultation, installed);

  const finding: Finding = {
    release: {
      type: payload.type,
      stream,
      issuer: release.statement.issuer,
      signer: release.issuer.name,
      ...(payload.type === 'build' ? { version: payload.version } : { sequence: payload.sequence }),
      issuedAt: release.statement.issuedAt,
      leaf: release.leaf,
      leafHash: release.leafHash,
    },
    artifact,
    ...(source !== undefined && { source: { leaf: source.leaf, leafHash: source.leafHash } }),
    log: { origin, size, root },
    witnesses: witnessesOf(verified),
    ...(time !== undefined && { time }),
    reviews,
    latest,
    count: record.count,
    index: { root: bundle.indexRoot, checkedBy: checkers(rule, verified, trust) },
    consistency,
    trust: { digest: trust.digest, line: rule.line },
  };
  return { finding, state: withInstalled(next, consultation, installed) };
}

/**
 * A checkpoint with one line of each key that the trust file has. Anybody can add lines of other keys, up to the size of a note,
 * and a state keeps many.
 */
function knownNote({ note: { text, verified } }: VerifiedCheckpoint): Uint8Array {
  const signatures = verified.map(({ verifier: { keyName, keyId }, signatures: [signature] }) => ({
    keyName,
    keyId,
    signature: signature!,
  }));
  return formatSignedNote({ text, signatures });
}

function checkLatest(isWanted: boolean, isLatest: boolean, { statement: { stream }, leaf }: FoundStatement): void {
  if (!isWanted || isLatest) return;
  throw new Refusal('superseded', `the stream ${stream} has a newer release than the one at leaf ${leaf}`);
}

/**
 * Refuses what is installed where a release that is newer is the newest. Where the state does not know what is installed, that is
 * taken to be an older one.
 *
 * @throws Refusal `superseded`
 */
function checkReplaced(
  state: AgentState,
  consultation: Consultation,
  { leaf }: FoundStatement,
  isLatest: boolean,
): void {
  // Where the state refuses the checkpoint itself, that says more.
  consult(state, consultation);
  const { origin, stream } = consultation;
  const { installed } = streamIn(state, { origin, stream }) ?? {};
  if (!isLatest || (installed !== undefined && installed.leaf >= leaf)) return;
  throw new Refusal(
    'superseded',
    `the newest release of the stream ${stream} is at leaf ${leaf}, and what is installed is not of it`,
  );
}

/** Has the agent remember that it saw a withdrawal or a rejection, so that no older tree can hide it again. */
function rememberRefusal<T>(decide: () => T, consulted: () => Consulted): T {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof Refusal) || !REMEMBERED.has(error.code)) throw error;
    // Where the state refuses the checkpoint itself, that says more.
    const { next } = consulted();
    throw new Refusal(error.code, error.message, { cause: error, state: next });
  }
}

/** Each witness once, with its newest time. */
function witnessesOf({ cosignatures }: VerifiedCheckpoint): FoundWitness[] {
  const newest = new Map<string, number>();
  for (const { witness, time } of cosignatures) newest.set(witness, Math.max(time, newest.get(witness) ?? 0));
  return Array.from(newest, ([name, time]) => ({ name, time }));
}
