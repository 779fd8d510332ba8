import {
  CoreError,
  EMPTY_RANGE,
  ENTRY_PREFIX_SIZE,
  extendRange,
  HASH_SIZE,
  type Interval,
  leafHash,
  type NoteSignature,
  ProofError,
  quote,
  rangeRoot,
  verifySubtreeConsistency,
} from '@vitrine/core';
import type { Head } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { ByteStream } from './byte-stream.ts';
import { type EntryPackage, packageIntervals, subtreeOf } from './entry-package.ts';
import type { Mirror } from './mirror.ts';
import type { MirrorInfo } from './mirror-info.ts';

/** What a request to add entries is answered with. https://c2sp.org/tlog-mirror#processing */
export type AddEntriesAnswer =
  /** All entries are there, and the mirror has cosigned. */
  | { readonly status: 200; readonly signatures: readonly NoteSignature[] }
  /** Some are there, or the request does not fit what is there: go on as `info` says. */
  | { readonly status: 202 | 409; readonly info: MirrorInfo }
  | { readonly status: 400 | 404 | 422; readonly reason: string };

/**
 * Entries that a client may send although the mirror has them: as many as one request should have. More would be work for
 * nothing.
 */
const MAX_EXCESS = 8192n;

/** Seconds for which a cosignature is given again, before a new one is made. */
const RENEWAL = 5;

const NO_TICKET = new Uint8Array(0);

/** The beginning of a request, with numbers of any size. */
interface Header {
  readonly origin: Uint8Array;
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Handles a request to add entries: authenticates one package after the other, stores it, and once all entries of a pending
 * checkpoint are there, publishes that and cosigns it. Several can be handled at once.
 *
 * The answer can come before the request was read to its end. https://c2sp.org/tlog-mirror#add-entries
 *
 * @param onPackage called after each package that was taken
 * @throws CoreError with `store-` and `log-` codes, WitnessError with `state-` codes
 */
export async function addEntries(
  mirror: Mirror,
  body: ByteStream,
  onPackage: () => void = () => {},
): Promise<AddEntriesAnswer> {
  const header = await readHeader(body);
  if (header === undefined) return { status: 400, reason: 'the request ends before its first package' };
  const { origin, start, end } = header;
  if (new TextDecoder().decode(origin) !== mirror.origin) {
    return { status: 404, reason: `${quote(new TextDecoder().decode(origin))} is not mirrored here` };
  }
  if (start > end) return { status: 400, reason: `the entries from ${start} to ${end} are none` };
  const { replica } = mirror;
  const pending = await mirror.pending.all();
  const newest = pending[0];
  if (newest === undefined) return { status: 422, reason: 'no checkpoint of the log was added yet' };

  const published = replica.published();
  const target = [...pending, ...(published === undefined ? [] : [published])].find(({ size }) => BigInt(size) === end);
  const conflict = (size: number): AddEntriesAnswer => ({
    status: 409,
    info: { size, next: replica.next, ticket: NO_TICKET },
  });
  if (target === undefined || target.size < replica.size) return conflict(newest.size);
  const next = BigInt(replica.next);
  if (start > next || (end < next ? end : next) - start > MAX_EXCESS) return conflict(target.size);

  let taken = 0;
  for (const interval of packageIntervals(Number(start), target.size)) {
    const read = await readPackage(body, interval.end - interval.start);
    if (read === undefined) break;
    const reason = await refusalOf(read, interval, mirror, target);
    if (reason !== undefined) return { status: 422, reason };
    await replica.extend(read.entries, interval.start);
    taken = interval.end;
    onPackage();
    await deriveMeanwhile(mirror, target.size);
  }
  if (start < end && taken === 0) return { status: 400, reason: 'the request ends in its first package' };
  if (start < end && taken < target.size) {
    return { status: 202, info: { size: target.size, next: replica.next, ticket: NO_TICKET } };
  }
  try {
    await mirror.renew(target.size, RENEWAL);
    return { status: 200, signatures: mirror.cosignatures() };
  } catch (error) {
    // A larger one was published meanwhile, or indexed for somebody else.
    const isBehind = error instanceof WitnessError && error.code === 'mirror-behind';
    if (isBehind || (error instanceof CoreError && error.code === 'log-range')) {
      return conflict((await mirror.pending.newest())!.size);
    }
    if (error instanceof CoreError && error.code === 'index-false') return { status: 422, reason: error.message };
    throw error;
  }
}

async function readHeader(body: ByteStream): Promise<Header | undefined> {
  const origin = await readPrefixed(body);
  const numbers = origin && (await body.read(16));
  if (numbers === undefined) return undefined;
  const view = new DataView(numbers.buffer, numbers.byteOffset);
  const [start, end] = [view.getBigUint64(0), view.getBigUint64(8)];
  // A ticket is the mirror's own memory. This one remembers without.
  const ticket = await readPrefixed(body);
  return ticket && { origin: origin!, start, end };
}

/** Bytes behind their length, a copy. */
async function readPrefixed(body: ByteStream): Promise<Uint8Array | undefined> {
  const prefix = await body.read(ENTRY_PREFIX_SIZE);
  if (prefix === undefined) return undefined;
  const bytes = await body.read(prefix[0]! * 256 + prefix[1]!);
  return bytes && new Uint8Array(bytes);
}

/** A package with so many entries; undefined if the request ends before it does. */
async function readPackage(body: ByteStream, count: number): Promise<EntryPackage | undefined> {
  const entries: Uint8Array[] = [];
  while (entries.length < count) {
    const entry = await readPrefixed(body);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  const length = (await body.read(1))?.[0];
  const hashes = length === undefined ? undefined : await body.read(length * HASH_SIZE);
  if (hashes === undefined) return undefined;
  const proof = Array.from({ length: length! }, (_, i) => hashes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE));
  return { entries, proof };
}

/** Why a package is not taken; undefined if its entries are those of the log. */
async function refusalOf(
  { entries, proof }: EntryPackage,
  interval: Interval,
  { replica }: Mirror,
  { size, root }: Head,
): Promise<string | undefined> {
  const empty = entries.findIndex((entry) => entry.length === 0);
  if (empty >= 0) return `entry ${interval.start + empty} is empty, and cannot be mirrored here`;
  const { start, end } = subtreeOf(interval);
  const leafHashes = new Uint8Array((end - start) * HASH_SIZE);
  // Entries before the first package are there: it does not begin behind the next one.
  leafHashes.set(await replica.storedLeafHashes(start, interval.start));
  entries.forEach((entry, i) => {
    leafHashes.set(leafHash(entry), (interval.start - start + i) * HASH_SIZE);
  });
  const subtreeRoot = rangeRoot(extendRange(EMPTY_RANGE, leafHashes).range);
  try {
    verifySubtreeConsistency({ start, end, size, subtreeRoot, root, proof });
    return undefined;
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    return `the entries from ${interval.start} to ${interval.end} are not in the tree of ${size}: ${error.message}`;
  }
}

/** So that not all of it has to be done at the end, when somebody waits. What is wrong is said then. */
async function deriveMeanwhile({ replica }: Mirror, end: number): Promise<void> {
  await replica.derive(end).catch((error: unknown) => {
    if (!(error instanceof CoreError && error.code === 'index-false')) throw error;
  });
}
