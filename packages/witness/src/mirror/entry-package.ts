import { formatBundle, HASH_SIZE, type Interval, TILE_WIDTH } from '@vitrine/core';

// https://c2sp.org/tlog-mirror#request-body

/** What a request says before its packages. */
export interface AddEntriesHeader {
  readonly origin: string;
  /** The first entry in the packages. */
  readonly start: number;
  /** Entries of the pending checkpoint by which they are authenticated. */
  readonly end: number;
  readonly ticket: Uint8Array;
}

/** Entries of one bundle, and what shows that they are in the tree. */
export interface EntryPackage {
  readonly entries: readonly Uint8Array[];
  /** The subtree consistency proof, at most 63 hashes. */
  readonly proof: readonly Uint8Array[];
}

/** Packages that a client sends in one request. https://c2sp.org/tlog-mirror#implementation-considerations */
export const MAX_PACKAGES = 32;

/** The intervals of the packages for the entries from `start` up to but without `end`: each ends where a bundle does. */
export function* packageIntervals(start: number, end: number): Generator<Interval, void, undefined> {
  for (let at = start; at < end; ) {
    const next = Math.min(end, (Math.floor(at / TILE_WIDTH) + 1) * TILE_WIDTH);
    yield { start: at, end: next };
    at = next;
  }
}

/** The subtree that a package's proof is about: it begins where the bundle does. */
export function subtreeOf({ start, end }: Interval): Interval {
  return { start: Math.floor(start / TILE_WIDTH) * TILE_WIDTH, end };
}

/** Writes the beginning of a request. @throws RangeError if origin or ticket are longer than 65,535 bytes */
export function formatAddEntriesHeader({ origin, start, end, ticket }: AddEntriesHeader): Uint8Array {
  const name = new TextEncoder().encode(origin);
  if (name.length > 0xffff || ticket.length > 0xffff)
    throw new RangeError('an origin and a ticket have at most 65,535 bytes');
  const bytes = new Uint8Array(2 + name.length + 8 + 8 + 2 + ticket.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, name.length);
  bytes.set(name, 2);
  view.setBigUint64(2 + name.length, BigInt(start));
  view.setBigUint64(10 + name.length, BigInt(end));
  view.setUint16(18 + name.length, ticket.length);
  bytes.set(ticket, 20 + name.length);
  return bytes;
}

/** Writes a package. @throws CoreError `entry-empty`, `entry-too-large` */
export function formatEntryPackage({ entries, proof }: EntryPackage): Uint8Array {
  const bundle = formatBundle(entries);
  const bytes = new Uint8Array(bundle.length + 1 + proof.length * HASH_SIZE);
  bytes.set(bundle);
  bytes[bundle.length] = proof.length;
  proof.forEach((hash, i) => {
    bytes.set(hash, bundle.length + 1 + i * HASH_SIZE);
  });
  return bytes;
}
