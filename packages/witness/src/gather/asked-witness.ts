import type { WitnessError } from '../error.ts';
import { type AskOptions, askWitness } from './ask-witness.ts';
import type { Gathering } from './gathering.ts';
import type { WitnessLine } from './witness-answer.ts';
import type { WitnessEndpoint } from './witness-endpoint.ts';

/** How a witness is asked again that failed. Times are in milliseconds. */
export interface Backoff {
  readonly base: number;
  /** Also of what the witness itself asks for. */
  readonly max: number;
}

/** What went wrong with a witness when it was asked last. */
export interface WitnessFailure {
  readonly code: string;
  readonly message: string;
  /** Seconds since the Epoch. */
  readonly time: number;
}

/** One witness as the log's side knows it: what it saw, what it is doing, and when it is worth asking again. */
export class AskedWitness {
  readonly endpoint: WitnessEndpoint;
  /** The size that it saw last, as far as is known. */
  size: number;
  /** Its newest cosignatures, by the names of its keys in the policy. */
  readonly cosigned: Map<string, { readonly size: number; readonly time: number }> = new Map();
  failure: WitnessFailure | undefined;
  /** For which it is being asked, or was asked last. */
  gathering: Gathering | undefined;
  #isBusy = false;
  /** Whether it has answered for {@link gathering}. */
  #hasAnswered = false;
  /** Whether it has answered, or failed at least once, for {@link gathering}. */
  #hasTried = false;
  #failures = 0;
  #notBefore = 0;

  constructor(endpoint: WitnessEndpoint, size: number) {
    this.endpoint = endpoint;
    this.size = size;
  }

  /** Milliseconds until it can be asked for this; undefined if it is being asked for something, or has answered. */
  waitFor(gathering: Gathering): number | undefined {
    if (this.#isBusy || (this.gathering === gathering && this.#hasAnswered)) return undefined;
    return Math.max(0, this.#notBefore - performance.now());
  }

  /**
   * Whether nobody needs to wait for what it has to say to this: it has answered or failed, and whether it is being asked once
   * more does not count, so that no two that fail in turn are waited for without end.
   */
  isSettled(gathering: Gathering): boolean {
    if (this.gathering === gathering && this.#hasTried) return true;
    return !this.#isBusy && performance.now() < this.#notBefore;
  }

  /** It is to be asked once more for what it has answered. If it is being asked just now, that will do. */
  renew(): void {
    this.#hasAnswered = false;
  }

  /** It is not asked for anything else before {@link end}. */
  begin(gathering: Gathering): void {
    if (this.gathering !== gathering) this.#hasTried = false;
    this.#isBusy = true;
    this.#hasAnswered = false;
    this.gathering = gathering;
  }

  /** What it said has been dealt with. */
  end(): void {
    this.#isBusy = false;
    this.#hasTried = true;
  }

  /** Asks it to cosign the target. @throws as `askWitness` */
  async ask({ target }: Gathering, options: AskOptions): Promise<readonly WitnessLine[]> {
    const onSize = (size: number): void => {
      this.size = size;
    };
    const lines = await askWitness(this.endpoint, target, { ...options, oldSize: this.size, onSize });
    for (const { witness, time } of lines) {
      const before = this.cosigned.get(witness);
      // It can say again what it said before.
      if (before?.size === target.size && before.time > time) continue;
      this.cosigned.set(witness, { size: target.size, time });
    }
    this.#hasAnswered = true;
    this.failure = undefined;
    this.#failures = 0;
    return lines;
  }

  /** It failed: it is left alone for a while, which is longer each time. */
  failed(error: WitnessError, { now, random, backoff }: { now: number; random: number; backoff: Backoff }): void {
    this.failure = { code: error.code, message: error.message, time: now };
    const pause = Math.min(backoff.max, backoff.base * 2 ** this.#failures) * (0.5 + random / 2);
    const asked = Math.min(backoff.max, (error.retryAfter ?? 0) * 1000);
    this.#notBefore = performance.now() + Math.max(pause, asked);
    this.#failures++;
  }
}
