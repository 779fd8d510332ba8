import {
  bytesOfOctets,
  CoreError,
  equalBytes,
  KEY_TYPE_ED25519,
  NO_QUORUM,
  type Policy,
  type PolicyLine,
  parseDecimal,
  parseVkey,
  policyLines,
  readPolicy,
  sha256,
  type VerifierKey,
} from '@vitrine/core';
import { Refusal } from '../refusal.ts';
import { parseDuration, parseTime } from './duration.ts';
import { isStreamPattern } from './stream-pattern.ts';
import type { ReleaseRule, ReviewDemands, ReviewerGroup, Trust, TrustedIssuer, TrustedKey } from './trust.ts';

/** Most lines of each kind that a trust file has besides those of its policy. */
export const MAX_TRUST_ENTRIES = 256;

/** A `release` line as it is read: which log it is about is known at the end. */
interface DraftRule extends Omit<ReleaseRule, 'origin'> {
  readonly origin: string | undefined;
}

/** What the lines so far have said. */
interface Draft {
  readonly indexed: { readonly origin: string; readonly line: number }[];
  readonly signers: TrustedIssuer[];
  readonly reviewers: TrustedIssuer[];
  readonly reviewerGroups: ReviewerGroup[];
  readonly releases: DraftRule[];
  /** Lines with `below`. */
  readonly bounded: number[];
  serial?: number;
  expires?: number;
}

/** What the whole file is about, once its policy is known. */
interface Logs {
  readonly policy: Policy;
  readonly origins: ReadonlySet<string>;
}

/**
 * Reads a trust file: the grammar of C2SP tlog-policy, with more kinds of line. docs/trust.md has it.
 *
 * @throws Refusal `trust-malformed`, naming the line. It shows nothing else of the file, which may be a private key that was
 * taken for it
 */
export function parseTrust(bytes: Uint8Array): Trust {
  const draft: Draft = { indexed: [], signers: [], reviewers: [], reviewerGroups: [], releases: [], bounded: [] };
  const policy = refusing(() => readPolicy(policyLinesOf(bytes, draft)));
  const logs = { policy, origins: new Set(policy.logs.map(({ key }) => key.keyName)) };
  checkIndexed(draft, logs);
  const { indexed, signers, reviewers, reviewerGroups, serial, expires } = draft;
  return {
    policy,
    indexed: indexed.map(({ origin }) => origin),
    signers,
    reviewers,
    reviewerGroups,
    releases: draft.releases.map((rule) => resolved(rule, draft, logs)),
    ...(serial !== undefined && { serial }),
    ...(expires !== undefined && { expires }),
    digest: sha256(bytes),
  };
}

/** The lines that are a policy's; the others are read on the way. */
function* policyLinesOf(bytes: Uint8Array, draft: Draft): Generator<PolicyLine, void, undefined> {
  for (const line of policyLines(bytes)) {
    const read = READERS.get(line.items[0]!);
    if (read === undefined) yield line;
    else at(line.number, () => read(draft, line.items.slice(1), line));
  }
}

/**
 * The lines of a trust file that C2SP tlog-policy defines, with its comments: for programs that know no others.
 *
 * @throws Refusal as {@link parseTrust}
 */
export function trustPolicy(bytes: Uint8Array): Uint8Array {
  parseTrust(bytes);
  const own = [...policyLines(bytes)].filter(({ items }) => READERS.has(items[0]!));
  return withoutLines(bytes, new Set(own.map(({ number }) => number)));
}

const malformed = (line: number, message: string, cause?: unknown): Refusal =>
  new Refusal('trust-malformed', `line ${line}: ${message}`, { cause });

/** What core refuses of a policy is refused as part of a trust file. */
function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CoreError) throw new Refusal('trust-malformed', error.message, { cause: error });
    throw error;
  }
}

class LineError extends Error {}

const refuse = (message: string): LineError => new LineError(message);

/** Adds the line to whatever is wrong with it. */
function at<T>(line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LineError || error instanceof CoreError) throw malformed(line, error.message, error);
    throw error;
  }
}

const NEWLINE = 0x0a;

function withoutLines(bytes: Uint8Array, numbers: ReadonlySet<number>): Uint8Array {
  const kept = bytes.slice();
  let length = 0;
  let line = 1;
  for (const octet of bytes) {
    if (!numbers.has(line)) kept[length++] = octet;
    if (octet === NEWLINE) line++;
  }
  return kept.subarray(0, length);
}

type Read = (draft: Draft, items: readonly string[], line: PolicyLine) => void;

const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['indexed', readIndexed],
  ['signer', (draft, items, line) => readIssuer(draft, draft.signers, items, line)],
  ['reviewer', (draft, items, line) => readIssuer(draft, draft.reviewers, items, line)],
  ['reviewer-group', readReviewerGroup],
  ['release', readRelease],
  ['serial', readSerial],
  ['expires', readExpires],
]);

function readIndexed({ indexed }: Draft, [octets, ...rest]: readonly string[], { number }: PolicyLine): void {
  if (octets === undefined || rest.length > 0) throw refuse('expected indexed <origin>');
  const origin = textOf(octets, 'an origin');
  if (indexed.some((other) => other.origin === origin)) throw refuse('the origin is listed as indexed already');
  indexed.push({ origin, line: number });
  checkLimit(indexed, 'indexed');
}

function readIssuer(draft: Draft, issuers: TrustedIssuer[], items: readonly string[], { number }: PolicyLine): void {
  const [name, vkey, ...rest] = items;
  if (name === undefined || vkey === undefined || (rest.length > 0 && !(rest.length === 2 && rest[0] === 'below'))) {
    throw refuse('expected signer or reviewer <name> <vkey> [below <leaf index>]');
  }
  const key = parseVkey(textOf(vkey, 'a vkey'));
  if (key.type !== KEY_TYPE_ED25519) throw refuse('the key of a signer or a reviewer is of type 0x01 (Ed25519)');
  const below = rest.length === 0 ? undefined : parseDecimal(rest[1]!, 'the leaf index');
  if (below !== undefined) draft.bounded.push(number);
  const found = issuers.find((issuer) => issuer.name === name);
  checkKey([...draft.signers, ...draft.reviewers], found, key);
  const trusted: TrustedKey = { key, ...(below !== undefined && { below }) };
  if (found === undefined) {
    if (isNamed(draft, name)) throw refuse('the name is that of something else on an earlier line');
    issuers.push({ name, issuer: key.keyName, keys: [trusted] });
  } else issuers[issuers.indexOf(found)] = { ...found, keys: [...found.keys, trusted] };
  checkLimit(
    issuers.flatMap(({ keys }) => keys),
    'signer or reviewer',
  );
}

/** One issuer has one name here, or thresholds would count it twice, and a vendor could review itself. */
function checkKey(
  all: readonly TrustedIssuer[],
  own: TrustedIssuer | undefined,
  { keyName, publicKey }: VerifierKey,
): void {
  if (own !== undefined && own.issuer !== keyName) {
    throw refuse('all keys of one name have one key name, and this is another than on an earlier line');
  }
  if (all.some((other) => other !== own && other.issuer === keyName)) {
    throw refuse('the key name is that of another name on an earlier line');
  }
  if (all.some(({ keys }) => keys.some(({ key }) => equalBytes(key.publicKey, publicKey)))) {
    throw refuse('the public key stands on an earlier line already');
  }
}

/** Whether a name is taken among those that release lines can ask of reviewers. */
function isNamed({ signers, reviewers, reviewerGroups }: Draft, name: string): boolean {
  return [...signers, ...reviewers, ...reviewerGroups].some((other) => other.name === name);
}

function readReviewerGroup(draft: Draft, [name, k, ...members]: readonly string[]): void {
  if (name === undefined || k === undefined || members.length === 0) {
    throw refuse('expected reviewer-group <name> <all, any or a number> <reviewer>...');
  }
  if (isNamed(draft, name)) throw refuse('the name is that of something else on an earlier line');
  members.forEach((member, i) => {
    // Groups of groups could count one reviewer twice.
    if (!draft.reviewers.some((reviewer) => reviewer.name === member)) {
      throw refuse(`member ${i + 1} is not a reviewer on an earlier line`);
    }
    if (members.indexOf(member) !== i) throw refuse(`member ${i + 1} is listed twice`);
  });
  const threshold = k === 'any' ? 1 : k === 'all' ? members.length : parseDecimal(k, 'the threshold');
  if (threshold < 1 || threshold > members.length) {
    throw refuse(`the threshold must be all, any or a number from 1 to the ${members.length} members`);
  }
  draft.reviewerGroups.push({ name, threshold, members });
  checkLimit(draft.reviewerGroups, 'reviewer-group');
}

const DEMANDS: ReadonlyMap<string, keyof ReviewDemands> = new Map([
  ['source-reviewed-by', 'sourceReviewedBy'],
  ['reviewed-by', 'reviewedBy'],
  ['reproduced-by', 'reproducedBy'],
  ['equivalent-by', 'equivalentBy'],
]);

// In this order, so that one rule is written in one way.
const CLAUSES = [
  'in',
  'signed-by',
  'max-age',
  'any-age',
  'latest',
  'indexed-by',
  'source-reviewed-by',
  'reviewed-by',
  'reproduced-by',
  'equivalent-by',
];
const WITHOUT_VALUE: ReadonlySet<string> = new Set(['any-age', 'latest']);

/** The clauses of a release line with their values, in their one order. */
function readClauses(items: readonly string[]): Map<string, string> {
  const clauses = new Map<string, string>();
  let least = 0;
  for (let i = 0; i < items.length; ) {
    const clause = items[i++]!;
    const place = CLAUSES.indexOf(clause);
    if (place < 0) throw refuse(`a release line has the clauses ${CLAUSES.join(', ')}`);
    if (place < least) throw refuse(`${clause} stands before ${CLAUSES[least - 1]}, and once at most`);
    least = place + 1;
    if (WITHOUT_VALUE.has(clause)) clauses.set(clause, '');
    else if (i === items.length) throw refuse(`${clause} lacks what it is about`);
    else clauses.set(clause, items[i++]!);
  }
  return clauses;
}

function readRelease(draft: Draft, [octets, ...items]: readonly string[], { number }: PolicyLine): void {
  const pattern = octets === undefined ? '' : octets;
  if (!isStreamPattern(pattern)) {
    throw refuse('expected release <stream>, segments between slashes, each a name, * or as the last one **');
  }
  const clauses = readClauses(items);
  const signedBy = clauses.get('signed-by');
  if (signedBy === undefined) throw refuse('a release line says signed-by <signer>');
  if (!draft.signers.some(({ name }) => name === signedBy))
    throw refuse('signed-by names no signer on an earlier line');
  const age = clauses.get('max-age');
  if ((age === undefined) === !clauses.has('any-age'))
    throw refuse('a release line says either max-age <duration> or any-age');
  const maxAge = age === undefined ? undefined : parseDuration(age);
  if (age !== undefined && maxAge === undefined)
    throw refuse('a duration is a number with s, m, h or d behind it: 15m, 7d');
  const latest = clauses.has('latest');
  // What is the newest of an old tree says nothing.
  if (latest && maxAge === undefined) throw refuse('latest needs max-age');
  const demands: { -readonly [K in keyof ReviewDemands]: ReviewDemands[K] } = {};
  for (const [clause, demand] of DEMANDS) {
    const name = clauses.get(clause);
    if (name === undefined) continue;
    if (![...draft.reviewers, ...draft.reviewerGroups].some((other) => other.name === name)) {
      throw refuse(`${clause} names no reviewer and no reviewer-group on an earlier line`);
    }
    demands[demand] = name;
  }
  const origin = clauses.get('in');
  const indexedBy = clauses.get('indexed-by');
  draft.releases.push({
    line: number,
    pattern,
    origin: origin && textOf(origin, 'an origin'),
    signedBy,
    latest,
    ...(maxAge !== undefined && { maxAge }),
    ...(indexedBy !== undefined && { indexedBy }),
    ...demands,
  });
  checkLimit(draft.releases, 'release');
}

function readSerial(draft: Draft, [text, ...rest]: readonly string[]): void {
  if (text === undefined || rest.length > 0) throw refuse('expected serial <number>');
  if (draft.serial !== undefined) throw refuse('there is a serial line already');
  draft.serial = parseDecimal(text, 'the serial');
}

function readExpires(draft: Draft, [text, ...rest]: readonly string[]): void {
  const expires = text === undefined ? undefined : parseTime(text);
  if (expires === undefined || rest.length > 0) throw refuse('expected expires <time>, as 2030-12-31T00:00:00Z');
  if (draft.expires !== undefined) throw refuse('there is an expires line already');
  draft.expires = expires;
}

function checkIndexed({ indexed, bounded }: Draft, { origins }: Logs): void {
  for (const { origin, line } of indexed) {
    if (!origins.has(origin)) throw malformed(line, 'no log line has a key of this origin');
  }
  if (origins.size > 1 && bounded.length > 0) {
    throw malformed(bounded[0]!, 'below says nothing where there are several logs: leaf indices are those of one');
  }
}

/** A release line, with the log that it is about. */
function resolved(rule: DraftRule, { indexed }: Draft, { policy, origins }: Logs): ReleaseRule {
  const { line, indexedBy } = rule;
  if (rule.origin === undefined && origins.size > 1) {
    throw malformed(line, 'with several logs each release line says which one, with in <origin>');
  }
  const origin = rule.origin ?? [...origins][0];
  if (origin === undefined || !origins.has(origin))
    throw malformed(line, 'there is no log line for the log of this release');
  if (!indexed.some((other) => other.origin === origin)) {
    throw malformed(
      line,
      'the log of this release is not listed as indexed, so what is said of a release cannot be known',
    );
  }
  if (rule.maxAge !== undefined && policy.quorum === NO_QUORUM) {
    throw malformed(line, 'max-age needs witnesses, whose cosignatures alone have times, and the quorum is none');
  }
  const names = [...policy.witnesses, ...policy.groups].map(({ name }) => name);
  if (indexedBy !== undefined && !names.includes(indexedBy)) {
    throw malformed(line, 'indexed-by names no witness and no group');
  }
  return { ...rule, origin };
}

function textOf(octets: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOfOctets(octets));
  } catch {
    // The only thing that can be wrong with it.
    throw refuse(`${what} is UTF-8`);
  }
}

function checkLimit(entries: readonly unknown[], kind: string): void {
  if (entries.length > MAX_TRUST_ENTRIES) throw refuse(`a trust file has at most ${MAX_TRUST_ENTRIES} ${kind} lines`);
}
