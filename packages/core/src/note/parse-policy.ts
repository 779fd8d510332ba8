import { parseDecimal } from '../bytes/decimal.ts';
import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { checkCosignatureType } from './cosigner.ts';
import { bytesOf } from './octets.ts';
import { checkLogKeyType } from './open-checkpoint.ts';
import {
  MAX_POLICY_ENTRIES,
  malformedPolicy,
  NO_QUORUM,
  type Policy,
  type PolicyGroup,
  type PolicyLog,
  type PolicyWitness,
} from './policy.ts';
import { type PolicyLine, policyLines } from './policy-line.ts';
import { decodeUtf8, quote } from './text.ts';
import { parseVkey, type VerifierKey } from './vkey.ts';

/** What the lines so far have defined. */
interface Draft {
  readonly logs: PolicyLog[];
  readonly witnesses: PolicyWitness[];
  readonly groups: PolicyGroup[];
  /** Witnesses and groups share one namespace. */
  readonly names: Set<string>;
  /** Names that are a member of some group. */
  readonly members: Set<string>;
  quorum?: string;
}

/**
 * Reads a policy file.
 *
 * Where the specification leaves room: the last line must end in a newline, at most `MAX_POLICY_SIZE` bytes and
 * `MAX_POLICY_ENTRIES` logs, witnesses and groups each, 4,096 octets in an item, thresholds without leading zeroes. https://c2sp.org/tlog-policy
 *
 * @throws CoreError `policy-malformed`, naming the line. It shows nothing else of the file, which may be a private key that
 * was taken for a policy
 */
export function parsePolicy(bytes: Uint8Array): Policy {
  return readPolicy(policyLines(bytes));
}

/**
 * As {@link parsePolicy}, of the lines of a policy: of a file in a grammar that extends it, those that this one has.
 *
 * @throws CoreError `policy-malformed`, naming the line, as soon as one is wrong: no further line is asked for
 */
export function readPolicy(lines: Iterable<PolicyLine>): Policy {
  const draft: Draft = { logs: [], witnesses: [], groups: [], names: new Set(), members: new Set() };
  let last = 0;
  for (const line of lines) {
    last = line.number;
    try {
      readLine(draft, line);
    } catch (error) {
      throw error instanceof CoreError ? malformedPolicy(line.number, error.message, error) : error;
    }
  }
  const { logs, witnesses, groups, quorum } = draft;
  if (quorum === undefined) {
    throw malformedPolicy(last + 1, 'there is no quorum line');
  }
  return { logs, witnesses, groups, quorum };
}

const refuse = (message: string, cause?: unknown): CoreError => new CoreError('policy-malformed', message, { cause });

const READERS: ReadonlyMap<string, (draft: Draft, items: readonly string[]) => void> = new Map([
  ['log', readLog],
  ['witness', readWitness],
  ['group', readGroup],
  ['quorum', readQuorum],
]);

function readLine(draft: Draft, { items: [keyword = '', ...items] }: PolicyLine): void {
  const read = READERS.get(keyword);
  if (read === undefined) throw refuse('expected a line that begins with log, witness, group or quorum');
  read(draft, items);
}

function readLog({ logs }: Draft, [vkey, url, ...rest]: readonly string[]): void {
  if (vkey === undefined || rest.length > 0) throw refuse('expected log <vkey> [<url>]');
  const key = readKey(vkey);
  checkLogKeyType(key.type);
  checkDuplicate(logs, key);
  logs.push(url === undefined ? { key } : { key, url });
  checkLimit(logs, 'logs');
}

function readWitness(draft: Draft, [name, vkey, url, ...rest]: readonly string[]): void {
  if (name === undefined || vkey === undefined || rest.length > 0)
    throw refuse('expected witness <name> <vkey> [<url>]');
  const key = readKey(vkey);
  checkCosignatureType(key.type);
  checkDuplicate(draft.witnesses, key);
  define(draft, name);
  draft.witnesses.push(url === undefined ? { name, key } : { name, key, url });
  checkLimit(draft.witnesses, 'witnesses');
}

function readGroup(draft: Draft, [name, k, ...members]: readonly string[]): void {
  if (name === undefined || k === undefined || members.length === 0) {
    throw refuse('expected group <name> <all, any or a number> <name>...');
  }
  for (const [i, member] of members.entries()) {
    if (member === NO_QUORUM) throw refuse(`"${NO_QUORUM}" cannot be a group member`);
    checkDefined(draft, member, `member ${i + 1}`);
    if (draft.members.has(member)) throw refuse(`member ${i + 1} is a member of a group already`);
    draft.members.add(member);
  }
  const threshold = readThreshold(k, members.length);
  define(draft, name);
  draft.groups.push({ name, threshold, members });
  checkLimit(draft.groups, 'groups');
}

function readThreshold(k: string, n: number): number {
  if (k === 'any') return 1;
  if (k === 'all') return n;
  const threshold = readNumber(k);
  if (threshold === undefined || threshold < 1 || threshold > n)
    throw refuse(`the threshold must be all, any or a number from 1 to the ${n} members`);
  return threshold;
}

function readNumber(text: string): number | undefined {
  try {
    return parseDecimal(text, 'the threshold');
  } catch (error) {
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}

function readQuorum(draft: Draft, [name, ...rest]: readonly string[]): void {
  if (name === undefined || rest.length > 0) throw refuse('expected quorum <name>');
  if (draft.quorum !== undefined) throw refuse('there is a quorum line already');
  if (name !== NO_QUORUM) checkDefined(draft, name, 'the quorum');
  draft.quorum = name;
}

function readKey(vkey: string): VerifierKey {
  const text = decodeUtf8(bytesOf(vkey));
  if (text === undefined) throw refuse('a vkey is UTF-8');
  return parseVkey(text);
}

function checkDuplicate(entries: readonly { key: VerifierKey }[], { publicKey }: VerifierKey): void {
  const other = entries.find(({ key }) => equalBytes(key.publicKey, publicKey));
  if (other !== undefined) throw refuse(`the public key is a duplicate of that of ${quote(other.key.keyName)}`);
}

function define({ names }: Draft, name: string): void {
  if (name === NO_QUORUM) throw refuse(`"${NO_QUORUM}" is predefined`);
  if (names.has(name)) throw refuse('the name is defined on an earlier line already');
  names.add(name);
}

function checkDefined({ names }: Draft, name: string, what: string): void {
  if (!names.has(name)) throw refuse(`${what} is not defined on an earlier line`);
}

function checkLimit(entries: readonly unknown[], what: string): void {
  if (entries.length > MAX_POLICY_ENTRIES) throw refuse(`a policy has at most ${MAX_POLICY_ENTRIES} ${what}`);
}
