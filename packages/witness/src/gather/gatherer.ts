import {
  CoreError,
  lastCosigned,
  NO_QUORUM,
  type Policy,
  parseSignedNote,
  quorumSatisfied,
  type SignatureScheme,
  verifyCheckpoint,
} from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import { WitnessError } from '../error.ts';
import type { AskingLog, AskOptions } from './ask-witness.ts';
import { AskedWitness, type Backoff } from './asked-witness.ts';
import { findAhead } from './find-ahead.ts';
import { Gathering } from './gathering.ts';
import { Waiters } from './waiters.ts';
import { type WitnessEndpoints, witnessEndpoints } from './witness-endpoint.ts';
import { type WitnessStatus, witnessStatuses } from './witness-status.ts';

/** The log for which cosignatures are gathered: a `Log` is one. */
export interface GatheredLog extends AskingLog {
  /** The newest signed checkpoint. */
  checkpoint(): LogCheckpoint;
  /** The newest one with signatures of others. */
  cosignedCheckpoint(): LogCheckpoint | undefined;
  /** Keeps a checkpoint with more signatures, and returns it with all that it has. */
  publish(note: Uint8Array): Promise<LogCheckpoint>;
}

/** What cosignatures are gathered with. Times are in milliseconds. */
export interface GathererOptions {
  readonly log: GatheredLog;
  /** Names the log and its witnesses; their URLs are submission prefixes. */
  readonly policy: Policy;
  readonly schemes: readonly SignatureScheme[];
  readonly fetch: typeof globalThis.fetch;
  /** Seconds since the Epoch. */
  now(): number;
  /** From 0 to 1. */
  random?(): number;
  /** For one request to a witness. */
  readonly timeout?: number;
  /** From one newest checkpoint to the next one that witnesses are asked for. */
  readonly interval?: number;
  /** From one cosigned checkpoint to the same one again, if the log does not grow. */
  readonly heartbeat?: number;
  readonly backoff?: Backoff;
  /** Whether the log may take entries before it was compared with what its witnesses saw. */
  readonly startUnwitnessed?: boolean;
  readonly onPublished?: (checkpoint: LogCheckpoint) => void;
  /** Told each time that a witness fails. `names` are those in the policy. */
  readonly onFailure?: (names: readonly string[], error: WitnessError) => void;
  /** Told once, when the log must not go on. */
  readonly onRefusal?: (error: Error) => void;
}

const DEFAULTS = {
  timeout: 10_000,
  interval: 200,
  heartbeat: 300_000,
  backoff: { base: 1000, max: 15_000 },
};

/**
 * Has the checkpoints of a log cosigned by the witnesses of its policy, and publishes the newest one that satisfies it.
 *
 * All witnesses are asked for one checkpoint at a time, each with one request at a time, and for the next one as soon as the
 * policy is satisfied or nothing more is to be expected: whoever is slow is asked for the newest, and not for each. Appending
 * never waits for it, but for the very first comparison, and stops for good when a witness has seen more than the log has.
 */
export class Gatherer implements AsyncDisposable {
  readonly #options: GathererOptions & typeof DEFAULTS;
  readonly #witnesses: readonly AskedWitness[];
  readonly #unreachable: WitnessEndpoints['unreachable'];
  readonly #waiters = new Waiters();
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** The names of witnesses whose view of the log is known, and is not ahead. */
  readonly #heardOf = new Set<string>();
  #gathering: Gathering | undefined;
  #startedAt = 0;
  /** The newest checkpoint that satisfied the policy. */
  #published: LogCheckpoint | undefined;
  #publishing: Promise<void> = Promise.resolve();
  /** Whether the log cannot publish the checkpoint that is gathered for. */
  #isStuck = false;
  #timer: NodeJS.Timeout | undefined;
  /** Why nothing is gathered, and nothing may be appended, any more. */
  #refusal: Error | undefined;
  /** What it will be, as long as the witness that is ahead is asked what it has to show for that. */
  #ahead: WitnessError | undefined;

  /**
   * @throws CoreError `policy-log` if the policy does not have the log, and what else `verifyCheckpoint` throws
   */
  constructor(options: GathererOptions) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...DEFAULTS, ...(given as unknown as GathererOptions) };
    const { log, policy, schemes } = options;
    verifyCheckpoint(log.checkpoint().note, { ...policy, quorum: NO_QUORUM }, { schemes });
    const { endpoints, unreachable } = witnessEndpoints(policy);
    const cosigned = log.cosignedCheckpoint();
    this.#unreachable = unreachable;
    const kept = cosigned === undefined ? [log.checkpoint()] : [log.checkpoint(), cosigned];
    this.#witnesses = endpoints.map((endpoint) => this.#recall(new AskedWitness(endpoint, 0), kept));
    if (cosigned !== undefined && new Gathering(cosigned, policy, schemes).satisfied() !== undefined) {
      this.#published = cosigned;
    }
  }

  /** Begins to ask. */
  start(): void {
    this.#step();
  }

  /** The newest checkpoint that satisfies the policy, if there is one. */
  published(): LogCheckpoint | undefined {
    const { log, policy } = this.#options;
    return policy.quorum === NO_QUORUM ? log.checkpoint() : this.#published;
  }

  /**
   * Resolves to a checkpoint that satisfies the policy and has at least `size` entries.
   *
   * @throws the reason of `signal`; what {@link refusal} gives for good; WitnessError `log-closed` once this is disposed of
   */
  async waitFor(size: number, signal: AbortSignal): Promise<LogCheckpoint> {
    const published = this.published();
    if (published !== undefined && published.size >= size) return published;
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#closing.signal.aborted) throw closed();
    const waiting = this.#waiters.wait(size, signal);
    this.#step();
    return waiting;
  }

  /**
   * Why nothing may be appended: `log-behind`, for good, if a witness has seen a larger tree than the log has; what reading the log
   * or publishing failed with, for good; `log-unwitnessed` until as many witnesses have answered as the policy asks for.
   */
  refusal(): Error | undefined {
    const { policy, startUnwitnessed = false } = this.#options;
    const final = this.#refusal ?? this.#ahead;
    if (final !== undefined) return final;
    if (startUnwitnessed || quorumSatisfied(policy, this.#heardOf)) return undefined;
    const reachable = new Set(this.#witnesses.flatMap(({ endpoint }) => endpoint.witnesses.map(({ name }) => name)));
    const why = quorumSatisfied(policy, reachable) ? 'have answered yet' : 'have a URL in the policy';
    return new WitnessError(
      'log-unwitnessed',
      `too few witnesses ${why} to know that this log has all that they saw of it`,
    );
  }

  /** The checkpoint that is gathered for, with all cosignatures that it has, enough for the policy or not. */
  gathered(): Uint8Array {
    return (this.#gathering ?? this.#current()).note();
  }

  /** What is known of each witness of the policy, in its order. */
  status(): WitnessStatus[] {
    const { policy, now } = this.#options;
    return witnessStatuses(policy, this.#witnesses, this.#unreachable, now());
  }

  /** Resolves once every witness has answered for the newest checkpoint, or failed once. */
  async settled(): Promise<void> {
    this.#step();
    while (!this.#closing.signal.aborted && this.#refusal === undefined) {
      const gathering = this.#gathering;
      const isDone =
        gathering !== undefined &&
        gathering.target.size >= this.#options.log.checkpoint().size &&
        this.#witnesses.every((witness) => witness.isSettled(gathering));
      await this.#publishing;
      if (isDone) return;
      await Promise.race([...this.#underWay, new Promise((resolve) => setTimeout(resolve, this.#options.interval))]);
    }
  }

  /** Stops to ask, and to wait for answers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(closed());
    clearTimeout(this.#timer);
    this.#waiters.refuse(closed());
    await Promise.all(this.#underWay);
    await this.#publishing;
  }

  /** What a witness saw last is at least what it has cosigned of what the log kept, newest first. */
  #recall(asked: AskedWitness, kept: readonly LogCheckpoint[]): AskedWitness {
    for (const { size, note } of kept) {
      const parsed = parseSignedNote(note);
      for (const { name, key } of asked.endpoint.witnesses) {
        const time = lastCosigned(parsed, key);
        if (time === undefined || asked.cosigned.has(name)) continue;
        asked.size = Math.max(asked.size, size);
        asked.cosigned.set(name, { size, time });
      }
    }
    return asked;
  }

  /** Does what is to be done now, and sees to it that this is called again. */
  #step(): void {
    if (this.#closing.signal.aborted || this.#refusal !== undefined) return;
    clearTimeout(this.#timer);
    const { interval, heartbeat } = this.#options;
    const gathering = this.#current();
    let wait = Math.min(interval, heartbeat);
    for (const witness of this.#witnesses) {
      const pause = witness.waitFor(gathering);
      if (pause === undefined) continue;
      if (pause === 0) this.#begin(witness, gathering);
      else wait = Math.min(wait, pause);
    }
    this.#timer = setTimeout(() => this.#step(), Math.max(1, wait));
    this.#timer.unref();
  }

  /**
   * The checkpoint that is gathered for now: a newer one, or the same one once more, where it is time for that. What is gathered
   * for one size is kept together: who is slow adds to what has come meanwhile.
   */
  #current(): Gathering {
    const { log, policy, schemes, interval, heartbeat } = this.#options;
    const before = this.#gathering;
    const since = performance.now() - this.#startedAt;
    const newest = log.checkpoint();
    const isNewer = before === undefined || newest.size > before.target.size;
    if (before !== undefined) {
      const isOver = isNewer && since >= interval && this.#isOver(before);
      if (!isOver && since < heartbeat) return before;
    }
    this.#startedAt = performance.now();
    this.#isStuck = false;
    if (!isNewer) {
      for (const witness of this.#witnesses) witness.renew();
      return before;
    }
    const cosigned = log.cosignedCheckpoint();
    this.#gathering = new Gathering(cosigned?.size === newest.size ? cosigned : newest, policy, schemes);
    return this.#gathering;
  }

  /** Whether witnesses may be asked for a newer checkpoint than this. */
  #isOver(gathering: Gathering): boolean {
    const isPublished = (this.#published?.size ?? -1) >= gathering.target.size;
    return isPublished || this.#isStuck || this.#witnesses.every((witness) => witness.isSettled(gathering));
  }

  #begin(witness: AskedWitness, gathering: Gathering): void {
    witness.begin(gathering);
    const asking = this.#ask(witness, gathering).finally(() => {
      witness.end();
      this.#underWay.delete(asking);
      this.#step();
    });
    this.#underWay.add(asking);
  }

  async #ask(witness: AskedWitness, gathering: Gathering): Promise<void> {
    const { log, schemes, fetch, now, timeout } = this.#options;
    const names = witness.endpoint.witnesses.map(({ name }) => name);
    const options: AskOptions = { log, schemes, fetch, now, timeout, signal: this.#closing.signal };
    try {
      const lines = await witness.ask(gathering, options);
      for (const name of names) this.#heardOf.add(name);
      if (gathering.add(lines)) this.#publish(gathering);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (error instanceof WitnessError) await this.#failed(witness, names, error);
      // The log itself cannot be read.
      else this.#refuse(error as Error);
    }
  }

  async #failed(witness: AskedWitness, names: readonly string[], error: WitnessError): Promise<void> {
    const { now, random = Math.random, backoff, log, fetch, timeout, onFailure } = this.#options;
    // It knows a checkpoint that the log has, but not the one that is gathered for.
    if (error.code === 'witness-conflict') for (const name of names) this.#heardOf.add(name);
    witness.failed(error, { now: now(), random: random(), backoff });
    onFailure?.(names, error);
    if (error.code !== 'log-behind') return;
    const behind = (more: string): WitnessError =>
      new WitnessError('log-behind', `the witness ${names[0]}: ${error.message}${more}`, {
        cause: error,
        size: error.size,
      });
    this.#ahead ??= behind('');
    const shown = await findAhead(witness.endpoint, { log, fetch, timeout, signal: this.#closing.signal });
    this.#refuse(behind(`; ${shown}`));
  }

  /** For good: what is signed from now on could contradict what was signed before. */
  #refuse(error: Error): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = error;
    clearTimeout(this.#timer);
    this.#waiters.refuse(error);
    this.#options.onRefusal?.(error);
  }

  #publish(gathering: Gathering): void {
    const publish = async (): Promise<void> => {
      if ((this.#published?.size ?? -1) > gathering.target.size || this.#refusal !== undefined) return;
      const note = gathering.satisfied();
      if (note === undefined) return;
      const published = await this.#options.log.publish(note);
      this.#published = published;
      this.#waiters.resolve(published);
      this.#options.onPublished?.(published);
    };
    this.#publishing = this.#publishing.then(publish).catch((error: unknown) => {
      if (this.#closing.signal.aborted) return;
      // The log has gone so far on that nothing could be proven by this checkpoint any more.
      if (error instanceof CoreError && error.code === 'log-range') this.#isStuck = true;
      else this.#refuse(error as Error);
    });
  }
}

const closed = (): WitnessError => new WitnessError('log-closed', 'no more cosignatures are gathered');
