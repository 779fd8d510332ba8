import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, type StreamName, streamKey } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import { parseStatement, statementMapping } from '@vitrine/signer';
import type { Context } from './context.ts';
import { hex } from './hex.ts';
import { printable } from './text.ts';

/** Heads that are made at a time. */
const PARALLEL = 8;

interface Head {
  readonly stream: StreamName;
  /** The leaf hashes of the release and of its source: what is said of them is in the head. */
  subjects: readonly string[];
}

/** Where heads are written, and what they are made of besides the log. */
export interface StreamHeadsOptions {
  /** `heads/<stream key in hex>.vitrine` is below it. */
  readonly directory: string;
  readonly manifests?: string | undefined;
}

/**
 * The bundles of the newest releases of all streams, in a directory: what agents are served who ask whether there is
 * anything newer. Knows which of them are not what the log has now.
 */
export class StreamHeads {
  readonly #context: Context;
  readonly #options: StreamHeadsOptions;
  readonly #heads = new Map<string, Head>();
  readonly #bySubject = new Map<string, Set<string>>();
  readonly #stale = new Set<string>();
  /** Streams whose newest release has a manifest that is not there, which was said. */
  readonly #missing = new Set<string>();

  constructor(context: Context, options: StreamHeadsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether a log has heads: it has an index, and it can be asked. */
  static areOf({ description, answersDerived }: LogReading): boolean {
    return description.indexed && answersDerived;
  }

  /** Finds all streams of a log, and takes none of their heads for written. */
  async begin(log: LogReading): Promise<void> {
    for await (const { stream } of log.streams()) this.#released(stream);
  }

  /** Takes note of the entries from one index up to another, and without it. */
  async appended(log: LogReading, from: number, to: number): Promise<void> {
    for await (const entry of log.entries(from, to)) {
      const indexed = statementMapping(entry);
      if (indexed?.kind === 'stream') this.#released(indexed.stream);
      if (indexed?.kind === 'subject') {
        for (const name of this.#bySubject.get(hex(indexed.subject)) ?? []) this.#stale.add(name);
      }
    }
  }

  /** Takes no head for written: they are to carry a newer checkpoint. */
  renew(): void {
    for (const name of this.#heads.keys()) this.#stale.add(name);
  }

  /**
   * Writes the heads that are not what the log has now. Where that fails, those that were not written stay to be written.
   *
   * @returns how many there were
   * @throws CoreError `store-io`; what reading the log throws
   */
  async write(log: LogReading): Promise<number> {
    const names = [...this.#stale];
    if (names.length === 0) return 0;
    const { streamHead } = await import('@vitrine/server');
    const { makeDirectoryDurably, writeFileDurably } = await import('@vitrine/core/log');
    const directory = join(this.#options.directory, 'heads');
    let written = 0;
    const write = async (name: string): Promise<void> => {
      const head = this.#heads.get(name)!;
      const path = join(directory, `${name}.vitrine`);
      const { manifests } = this.#options;
      const key = streamKey(head.stream);
      try {
        const { leaf, bundle } = await streamHead(log, key, { checkpoint: log.checkpoint(), manifests });
        this.#depend(name, head, subjectsOf(await log.entry(leaf), await log.leafHash(leaf)));
        await writeFileDurably(path, bundle);
        written++;
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'manifest-missing') throw error;
        this.#noteMissing(name, head);
        // It would be of an older release.
        await rm(path, { force: true });
      }
      this.#stale.delete(name);
    };
    try {
      await makeDirectoryDurably(directory);
      // The worker that fails ends it for all.
      const left = (function* () {
        yield* names;
      })();
      const worker = async (): Promise<void> => {
        for (const name of left) await write(name);
      };
      // All of them, so that none writes an older head over one that is written after a failure.
      const results = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    } catch (cause) {
      if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
      throw new CoreError('store-io', `${directory}: ${cause.message}`, { cause });
    }
    return written;
  }

  /** There is another release of a stream, if it has releases. */
  #released(stream: StreamName): void {
    if (stream.type !== 'build' && stream.type !== 'database') return;
    const name = hex(streamKey(stream));
    if (!this.#heads.has(name)) this.#heads.set(name, { stream, subjects: [] });
    this.#stale.add(name);
  }

  #depend(name: string, head: Head, subjects: readonly string[]): void {
    for (const subject of head.subjects) this.#bySubject.get(subject)?.delete(name);
    head.subjects = subjects;
    for (const subject of subjects) {
      const names = this.#bySubject.get(subject) ?? new Set();
      this.#bySubject.set(subject, names.add(name));
    }
  }

  #noteMissing(name: string, { stream: { stream } }: Head): void {
    if (this.#missing.has(name)) return;
    this.#missing.add(name);
    this.#context.output.note(
      `no head of ${printable(stream)}: the manifest of its newest release is not in the directory of --manifests`,
    );
  }
}

function subjectsOf(entry: Uint8Array, leafHash: Uint8Array): string[] {
  const { payload } = parseStatement(entry);
  const source = payload.type === 'build' ? payload.source : undefined;
  return [hex(leafHash), ...(source === undefined ? [] : [hex(source)])];
}
