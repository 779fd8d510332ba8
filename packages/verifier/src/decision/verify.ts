import {
  equalBytes,
  formatSignedNote,
  ProofError,
  quorumSatisfied,
  type SchemeOptions,
  type StreamRecord,
  sha256,
  type VerifiedCheckpoint,
  verifyStream,
  verifySubject,
} from '@vitrine/core';
import { type Artifact, parseManifest, SignerError } from '@vitrine/signer';
import { type Bundle, type BundledSubject, parseBundle } from '../bundle/bundle.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import { type Consultation, type Consulted, checkAdvance, consult, streamIn, withInstalled } from '../state/consult.ts';
import { type AgentState, type InstalledRelease, NO_STATE } from '../state/state.ts';
import { formatDuration } from '../trust/duration.ts';
import { matchesPattern } from '../trust/stream-pattern.ts';
import type { ReleaseRule, Trust } from '../trust/trust.ts';
import { openBundledCheckpoint, verifyBundledLeaves } from './bundled-checkpoint.ts';
import { checkpointTime } from './checkpoint-time.ts';
import type { Finding, FoundReview, FoundWitness } from './finding.ts';
import { checkDemands, verdictsOn } from './reviews.ts';
import {
  type FoundStatement,
  type HashedBundle,
  hashedBundle,
  openBundled,
  statementIn,
  streamNameOf,
} from './statements.ts';

// What no older tree may hide again. A review that the bundle lacks could be anything.
const REMEMBERED: ReadonlySet<RefusalCode> = new Set(['withdrawn', 'rejected', 'superseded']);

/** What the agent wanted, and what it got. */
export interface ReleaseRequest {
  /** The stream that it asked for: `tool/stable/linux-x64` of a build, the name of a database. */
  readonly stream: string;
  /** The artifact that it asked for. May be left out of a release that has one only. */
  readonly name?: string;
  /** SHA-256 of the download, and its bytes. */
  readonly digest: Uint8Array;
  readonly size: number;
}

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
    remembering(() => checkReplaced(state, consultation, release, latest));
    checkDownload(artifact, request);
  }
  const { reviews, source } = remembering(() => standing({ bundle, trust, origin, rule, release }));
  remembering(() => checkLatest(rule.latest || options.installed === true, latest, release));
  checkDownload(artifact, request);
  checkAge({ payload, rule, time, now }, options);
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

/** The release of a bundle, signed by somebody whom the trust file has as a signer. */
function openRelease(bundle: HashedBundle, trust: Trust, origin: string): FoundRelease {
  const bundled = statementIn(bundle, { leaf: bundle.release });
  if (bundled === undefined) {
    throw new Refusal(
      'bundle-unreadable',
      `the bundle says that its release is at leaf ${bundle.release}, and lacks that`,
    );
  }
  const found = openBundled(bundled, trust.signers, origin);
  const { payload } = found.statement;
  if (payload.type !== 'build' && payload.type !== 'database') {
    throw new Refusal('statement-type', `leaf ${found.leaf} is of the type ${payload.type}, and no release to install`);
  }
  return found as FoundRelease;
}

/** A build or a database. */
type FoundRelease = FoundStatement & {
  readonly statement: FoundStatement['statement'] & {
    readonly payload: Extract<FoundStatement['statement']['payload'], { readonly type: 'build' | 'database' }>;
  };
};

/** The artifact that was asked for. @throws Refusal `artifact-unknown`, `manifest-other` */
function artifactOf(
  { statement: { payload } }: FoundRelease,
  { manifest }: Bundle,
  { name }: ReleaseRequest,
): Artifact {
  const artifacts = payload.artifacts ?? listed(payload.manifest, manifest);
  if (name === undefined) {
    if (artifacts.length === 1) return artifacts[0]!;
    throw new Refusal(
      'artifact-unknown',
      `the release has ${artifacts.length} artifacts: say by its name which one was asked for`,
    );
  }
  const found = artifacts.find((artifact) => artifact.name === name);
  if (found === undefined) throw new Refusal('artifact-unknown', `the release has no artifact of the name ${name}`);
  return found;
}

function listed(expected: Artifact, manifest: Uint8Array | undefined): readonly Artifact[] {
  if (manifest === undefined) throw new Refusal('manifest-other', 'the release has a manifest, which the bundle lacks');
  if (manifest.length !== expected.size || !equalBytes(sha256(manifest), expected.sha256)) {
    throw new Refusal('manifest-other', 'the manifest in the bundle is not that of the release');
  }
  try {
    return parseManifest(manifest, 'the manifest');
  } catch (error) {
    if (!(error instanceof SignerError)) throw error;
    throw new Refusal('manifest-other', error.message, { cause: error });
  }
}

/** The first rule that a stream fits: nothing in a bundle chooses it. */
function ruleFor(stream: string, { releases }: Trust): ReleaseRule {
  const rule = releases.find(({ pattern }) => matchesPattern(pattern, stream));
  if (rule === undefined) throw new Refusal('no-rule', `the trust file has no release line for the stream ${stream}`);
  return rule;
}

function checkRule(rule: ReleaseRule, release: FoundStatement, verified: VerifiedCheckpoint, trust: Trust): void {
  const { origin } = verified.checkpoint;
  if (rule.origin !== origin) {
    throw new Refusal(
      'log-other',
      `line ${rule.line} of the trust file wants the log ${rule.origin}, and this is ${origin}`,
    );
  }
  if (rule.signedBy !== release.issuer.name) {
    throw new Refusal(
      'signer-other',
      `line ${rule.line} of the trust file wants another signer than ${release.statement.issuer}`,
    );
  }
  if (rule.indexedBy !== undefined && checkers(rule, verified, trust).length === 0) {
    throw new Refusal(
      'index-unchecked',
      `nobody of those whom line ${rule.line} of the trust file wants has checked the index`,
    );
  }
}

/** Who of those whom a rule asks to have checked the index has; none if they are not enough. */
function checkers({ indexedBy }: ReleaseRule, { cosignatures }: VerifiedCheckpoint, { policy }: Trust): string[] {
  if (indexedBy === undefined) return [];
  const witnesses = new Set(cosignatures.map(({ witness }) => witness));
  if (!quorumSatisfied({ ...policy, quorum: indexedBy }, witnesses)) return [];
  const named = new Set<string>([indexedBy]);
  // Groups refer to earlier ones only.
  for (const { name, members } of policy.groups.toReversed()) {
    if (named.has(name)) for (const member of members) named.add(member);
  }
  return [...witnesses].filter((witness) => named.has(witness));
}

/** What the index says of the release's stream. @throws Refusal `index-wrong` */
function streamRecord({ indexRoot, stream: { record, proof } }: Bundle, { statement }: FoundStatement): StreamRecord {
  againstIndex(() => verifyStream({ indexRoot, stream: streamNameOf(statement), record, proof }));
  return record;
}

function subjectRecord(
  { indexRoot }: Bundle,
  subject: Uint8Array,
  { record, proof }: BundledSubject,
): BundledSubject['record'] {
  againstIndex(() => verifySubject({ indexRoot, subject, record, proof }));
  return record;
}

function againstIndex(verify: () => void): void {
  try {
    verify();
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    throw new Refusal('index-wrong', `the index of the log does not say what the bundle claims: ${error.message}`, {
      cause: error,
    });
  }
}

interface Standing {
  readonly bundle: HashedBundle;
  readonly trust: Trust;
  readonly origin: string;
  readonly rule: ReleaseRule;
  readonly release: FoundRelease;
}

/** What others say of the release and of its source, and its own vendor since. */
function standing({ bundle, trust, origin, rule, release }: Standing): {
  readonly reviews: readonly FoundReview[];
  readonly source: FoundStatement | undefined;
} {
  const by = { bundle, trust, origin };
  const record = subjectRecord(bundle, release.leafHash, bundle.subject);
  checkNotWithdrawn('release', release, record);
  const source = openSource(bundle, trust, origin, release);
  const sourceRecord = source === undefined ? null : subjectRecord(bundle, source.leafHash, bundle.source!);
  if (source !== undefined) checkNotWithdrawn('source', source, sourceRecord);
  const reviews = verdictsOn({ of: 'release', leafHash: release.leafHash, record }, rule, by);
  if (source !== undefined) {
    reviews.push(...verdictsOn({ of: 'source', leafHash: source.leafHash, record: sourceRecord }, rule, by));
  }
  checkDemands(rule, trust, reviews);
  return { reviews, source };
}

/** The source that a build names. @throws Refusal `source-unknown`, `source-other`, and as openBundled */
function openSource(
  bundle: HashedBundle,
  trust: Trust,
  origin: string,
  release: FoundRelease,
): FoundStatement | undefined {
  const { payload, issuer } = release.statement;
  if (payload.type !== 'build' || payload.source === undefined) {
    if (bundle.source !== undefined)
      throw new Refusal('source-other', 'the bundle has a source, and the release names none');
    return undefined;
  }
  const bundled = statementIn(bundle, { leafHash: payload.source });
  if (bundled === undefined || bundle.source === undefined) {
    throw new Refusal(
      'source-unknown',
      'the bundle lacks the source that the build names, or what the index says of it',
    );
  }
  const source = openBundled(bundled, trust.signers, origin);
  const of = source.statement.payload;
  const fits =
    of.type === 'source' &&
    of.product === payload.product &&
    source.statement.issuer === issuer &&
    source.leaf < release.leaf;
  if (!fits) {
    throw new Refusal(
      'source-other',
      `leaf ${source.leaf}, which the build names as its source, is not one of its product and vendor`,
    );
  }
  return source;
}

function checkNotWithdrawn(
  what: 'release' | 'source',
  { statement: { issuer }, leaf }: FoundStatement,
  record: BundledSubject['record'],
): void {
  if (!record?.some((element) => element.type === 'withdrawal' && element.issuer === issuer)) return;
  throw new Refusal('withdrawn', `${issuer} has withdrawn the ${what} at leaf ${leaf}`);
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
  { origin, stream }: Pick<Consultation, 'origin' | 'stream'>,
  { leaf }: FoundStatement,
  isLatest: boolean,
): void {
  const { installed } = streamIn(state, { origin, stream }) ?? {};
  if (!isLatest || (installed !== undefined && installed.leaf >= leaf)) return;
  throw new Refusal(
    'superseded',
    `the newest release of the stream ${stream} is at leaf ${leaf}, and what is installed is not of it`,
  );
}

/** Has the agent remember what it saw of a release that is no longer to be used, so that no older tree can hide it again. */
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

const isDownload = (artifact: Artifact, { size, digest }: ReleaseRequest): boolean =>
  artifact.size === size && equalBytes(artifact.sha256, digest);

function checkDownload({ name, size, sha256: digest }: Artifact, request: ReleaseRequest): void {
  if (size !== request.size) {
    throw new Refusal('size-other', `${name} was logged with ${size} bytes, and the download has ${request.size}`);
  }
  if (!equalBytes(digest, request.digest)) {
    throw new Refusal('artifact-other', `the download is not the ${name} that was logged`);
  }
}

interface Aging {
  readonly payload: FoundRelease['statement']['payload'];
  readonly rule: ReleaseRule;
  readonly time: number | undefined;
  readonly now: number;
}

function checkAge({ payload, rule, time, now }: Aging, options: VerifyOptions): void {
  if (payload.type === 'database' && payload.expires !== undefined && payload.expires <= now) {
    throw new Refusal(
      'release-expired',
      `the vendor said of release ${payload.sequence} that it is not to be used any more by now`,
    );
  }
  const limits = [rule.maxAge, options.maxAge].filter((limit) => limit !== undefined);
  if (limits.length === 0) return;
  const limit = Math.min(...limits);
  if (time === undefined) {
    throw new Refusal('too-old', 'no time is known at which enough witnesses had seen the checkpoint');
  }
  const age = Math.max(0, now - time);
  if (age > limit) {
    throw new Refusal('too-old', `witnesses saw the checkpoint ${age} s ago, and ${formatDuration(limit)} are allowed`);
  }
}

/** Each witness once, with its newest time. */
function witnessesOf({ cosignatures }: VerifiedCheckpoint): FoundWitness[] {
  const newest = new Map<string, number>();
  for (const { witness, time } of cosignatures) newest.set(witness, Math.max(time, newest.get(witness) ?? 0));
  return Array.from(newest, ([name, time]) => ({ name, time }));
}
