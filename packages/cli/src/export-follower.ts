import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError, equalBytes, parseCheckpoint, parseSignedNote } from '@vitrine/core';
import type { Exported, LogReading } from '@vitrine/core/log';
import type { Context } from './context.ts';
import { isLogOutage, lookAgain } from './look-again.ts';
import { startProgress } from './progress.ts';
import { StreamHeads } from './stream-heads.ts';

/** How a directory is kept like a log. */
export interface FollowOptions {
  /** Milliseconds between two looks at the log. */
  readonly interval: number;
  /** Seconds after which all heads are written again. */
  readonly refresh: number;
  readonly manifests?: string | undefined;
  readonly json?: boolean | undefined;
}

/** What was written because the log has another checkpoint. */
export interface Update extends Exported {
  /** Heads of streams that were written; undefined for a log that has none. */
  readonly heads: number | undefined;
}

/** Keeps a static directory like a log that is served. One at a time for each directory. */
export class ExportFollower {
  readonly #context: Context;
  readonly #directory: string;
  readonly #options: FollowOptions;
  readonly #heads: StreamHeads;
  #exported: { readonly size: number; readonly note: Uint8Array } | undefined;
  #hasBegun = false;
  #renewed = 0;
  /** What the tree had when the heads were last renewed, and the time before that. */
  #sizes: readonly [older: number, newer: number] = [0, 0];

  constructor(context: Context, directory: string, options: FollowOptions) {
    this.#context = context;
    this.#directory = directory;
    this.#options = options;
    this.#heads = new StreamHeads(context, { directory, manifests: options.manifests });
  }

  /**
   * Follows until the user wants it to stop. What keeps the log from being read for a while is said once, and waited for.
   *
   * @param open gives the log as it is now
   * @param onUpdate called after each checkpoint that was exported
   * @throws CoreError `store-exists`, `store-io`; what says that the log contradicts itself
   */
  async run(
    open: () => Promise<LogReading>,
    onUpdate: (log: LogReading, update: Update) => Promise<void>,
  ): Promise<void> {
    const { tidyExport } = await import('@vitrine/core/log');
    await tidyExport(this.#directory);
    const look = async (): Promise<void> => {
      const log = await open();
      const update = await this.#update(log);
      if (update !== undefined) await onUpdate(log, update);
    };
    await lookAgain(this.#context, look, {
      interval: this.#options.interval,
      isPassing: isLogOutage,
      recovered: 'the log can be read again',
    });
  }

  /** Writes what the directory lacks. */
  async #update(log: LogReading): Promise<Update | undefined> {
    const checkpoint = log.checkpoint();
    const before = this.#exported;
    let exported: Exported | undefined;
    if (before === undefined || !equalBytes(before.note, checkpoint.note)) {
      await this.#checkNewer(checkpoint.size);
      exported = await this.#export(log);
      this.#exported = checkpoint;
    }
    const heads = StreamHeads.areOf(log) ? await this.#writeHeads(log, before?.size) : undefined;
    await this.#renew(log);
    return exported && { ...exported, heads };
  }

  async #export(log: LogReading): Promise<Exported> {
    const { exportTiles } = await import('@vitrine/core/log');
    const since = this.#exported?.size;
    const { json } = this.#options;
    const progress = startProgress(this.#context, {
      label: 'exporting',
      unit: 'entries',
      json: json || since !== undefined,
    });
    try {
      return await exportTiles(log, this.#directory, {
        ...(since !== undefined && { since }),
        onProgress: (done, total) => progress.update(done, total),
      });
    } finally {
      progress.stop();
    }
  }

  async #writeHeads(log: LogReading, before: number | undefined): Promise<number> {
    // Where this fails, all streams are looked for again.
    const hadBegun = this.#hasBegun;
    this.#hasBegun = false;
    if (!hadBegun || before === undefined) await this.#heads.begin(log);
    else if (before < log.size) await this.#heads.appended(log, before, log.size);
    this.#hasBegun = true;
    return this.#heads.write(log);
  }

  /** Writes all heads again, so that they stay fresh, and removes the partial tiles that have been full since the last time. */
  async #renew(log: LogReading): Promise<void> {
    const now = performance.now();
    if (this.#renewed === 0) this.#renewed = now;
    if (now - this.#renewed < this.#options.refresh * 1000) return;
    this.#renewed = now;
    if (this.#hasBegun) {
      this.#heads.renew();
      await this.#heads.write(log);
    }
    const { removePartialTiles } = await import('@vitrine/core/log');
    const [since, size] = this.#sizes;
    await removePartialTiles(this.#directory, { since, size });
    this.#sizes = [size, log.size];
  }

  /**
   * A directory never goes back, whoever wrote to it last.
   *
   * @throws CoreError `checkpoint-older`
   */
  async #checkNewer(size: number): Promise<void> {
    const note = await readFile(join(this.#directory, 'checkpoint')).catch(() => undefined);
    let there: number;
    try {
      there = note === undefined ? 0 : parseCheckpoint(parseSignedNote(new Uint8Array(note)).text).size;
    } catch (error) {
      // Exporting says what is wrong with it.
      if (error instanceof CoreError) return;
      throw error;
    }
    if (there <= size) return;
    throw new CoreError(
      'checkpoint-older',
      `the log shows a checkpoint of ${size} entries, and ${this.#directory} has one of ${there} already`,
    );
  }
}
