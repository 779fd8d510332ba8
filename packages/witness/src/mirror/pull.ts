import { parseCheckpoint, parseSignedNote, type SignedNote, TILE_WIDTH, TileReader } from '@vitrine/core';
import { type Head, type LogCheckpoint, MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { SeenCheckpoint } from '../witness/seen-checkpoint.ts';
import type { Mirror } from './mirror.ts';
import { isOneOf } from './mirror-cosignatures.ts';
import { CHECKPOINT_PATH, type PullSource } from './pull-source.ts';

/** How a log is copied. */
export interface PullOptions {
  readonly source: PullSource;
  /** Entry bundles that are fetched at once, from 1. */
  readonly parallel?: number | undefined;
  /** Told how many entries are stored, and how many there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Stops between two commits. */
  readonly signal?: AbortSignal | undefined;
}

const PARALLEL = 8;

/** Seconds after which a checkpoint that has not changed is cosigned again. */
const RENEWAL = 300;

/**
 * Copies what a log has now, and publishes its checkpoint. Every entry is authenticated against a checkpoint that the log signed
 * before it is stored. What is there already is not fetched again, so a copy that was interrupted goes on.
 *
 * A source can be behind what others have shown: then the largest checkpoint up to which it can be is published first.
 *
 * @returns the mirror's checkpoint
 * @throws WitnessError `mirror-source` if the log shows no checkpoint; `mirror-fork` if it signed another tree; CoreError
 * with `tile-` and `bundle-` codes if what it serves is not what it signed; as `Mirror.publish`; what the source throws
 */
export async function pull(mirror: Mirror, options: PullOptions): Promise<LogCheckpoint> {
  const note = await options.source(CHECKPOINT_PATH);
  if (note === undefined) throw new WitnessError('mirror-source', `${mirror.origin} shows no checkpoint there`);
  const newest = await mirror.pending.observe(note, options.source);
  const shown = parseSignedNote(note);
  const { size } = parseCheckpoint(shown.text);
  if (size < newest.size) {
    const published = mirror.replica.published();
    const reached = (await mirror.pending.all()).find((pending) => pending.size <= size);
    if (reached !== undefined && reached.size > (published?.size ?? -1)) await copyTo(mirror, reached, shown, options);
    else if (published !== undefined) await mirror.renew(published.size, RENEWAL);
  }
  return copyTo(mirror, newest, shown, options);
}

/** Copies what is missing of a pending checkpoint's tree, and publishes it with the signatures that the log shows it with. */
async function copyTo(
  mirror: Mirror,
  pending: SeenCheckpoint,
  { text, signatures }: SignedNote,
  options: PullOptions,
): Promise<LogCheckpoint> {
  const others = pending.text === text ? signatures.filter((line) => !isOneOf(line, pending.signatures)) : [];
  const published = mirror.replica.published();
  if (published?.size === pending.size && !mirror.isStale(RENEWAL) && mirror.hasAll(others)) return published;
  await copyEntries(mirror, pending, options);
  return mirror.publish(pending.size, others);
}

/**
 * Copies what is missing of the pending checkpoint's tree, and publishes it. The log is not asked for a newer one.
 *
 * @throws as {@link pull}
 */
export async function catchUp(mirror: Mirror, options: PullOptions): Promise<void> {
  const pending = await mirror.pending.newest();
  if (pending === undefined || (mirror.replica.published()?.size ?? -1) >= pending.size) return;
  await copyEntries(mirror, pending, options);
  await mirror.publish(pending.size);
}

/** Stores the entries of a pending checkpoint that are not stored yet, in order, and derives their index if there is one. */
async function copyEntries(
  { replica }: Mirror,
  { size, root }: Head,
  { source, parallel = PARALLEL, onProgress, signal }: PullOptions,
): Promise<void> {
  const reader = new TileReader({ size, root, fetchTile: source });
  const end = Math.ceil(size / TILE_WIDTH);
  const first = Math.floor(replica.next / TILE_WIDTH);
  if (replica.next >= size) return replica.derive(size);
  const under: Promise<Uint8Array[]>[] = [];
  let asked = first;
  let entries: Uint8Array[] = [];
  let start = first * TILE_WIDTH;
  let bytes = 0;
  for (let index = first; index < end; index++) {
    for (; asked < end && under.length < parallel; asked++) {
      const bundle = reader.readBundle(asked);
      // It is awaited below, after those before it.
      bundle.catch(() => {});
      under.push(bundle);
    }
    for (const entry of await under.shift()!) {
      entries.push(entry);
      bytes += entry.length;
    }
    signal?.throwIfAborted();
    if (entries.length < MAX_COMMIT_ENTRIES && bytes < MAX_COMMIT_BYTES && index < end - 1) continue;
    await replica.extend(entries, start);
    onProgress?.(replica.next, size);
    await replica.derive(size);
    start += entries.length;
    entries = [];
    bytes = 0;
  }
}
