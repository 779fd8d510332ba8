import { readFile } from 'node:fs/promises';
import { equalBytes, formatVkey, parsePolicy, type VerifierKey } from '@vitrine/core';
import { AddedLogs } from './added-logs.ts';

/** Says which logs a witness knows. */
export interface LogSource {
  /** What it is called in messages. */
  readonly name: string;
  /** The keys of all of its logs; undefined if they are those that it gave before. */
  changed(): Promise<readonly VerifierKey[] | undefined>;
}

/** The `log` lines of a policy file. */
export function policySource(path: string): LogSource {
  let before: Uint8Array | undefined;
  return {
    name: path,
    changed: async () => {
      const bytes = new Uint8Array(await readFile(path));
      if (before !== undefined && equalBytes(before, bytes)) return undefined;
      const keys = parsePolicy(bytes).logs.map(({ key }) => key);
      before = bytes;
      return keys;
    },
  };
}

/** What was added to a state by a command. */
export function addedSource(stateDirectory: string): LogSource {
  const logs = new AddedLogs(stateDirectory);
  let before: string | undefined;
  return {
    name: logs.directory,
    changed: async () => {
      const names = (await logs.names()).join();
      if (before === names) return undefined;
      const keys = await logs.list();
      before = names;
      return keys;
    },
  };
}

// Milliseconds between two looks at the sources.
const PATIENCE = 1000;

/** The keys of the logs that a witness knows. Its sources are looked at again when somebody asks, but for those who ask at once. */
export class KnownLogs {
  readonly #sources: readonly LogSource[];
  readonly #onProblem: (source: string, error: unknown) => void;
  readonly #keys: (readonly VerifierKey[])[];
  /** What was told of each source. */
  readonly #problems = new Map<string, string>();
  #byOrigin = new Map<string, readonly VerifierKey[]>();
  #lookedAt = 0;
  #looking: Promise<void> | undefined;

  private constructor(sources: readonly LogSource[], onProblem: (source: string, error: unknown) => void) {
    this.#sources = sources;
    this.#onProblem = onProblem;
    this.#keys = sources.map(() => []);
  }

  /**
   * Reads all sources.
   *
   * @param onProblem told when a source cannot be read later on, once for each reason: what it gave last holds until it can
   * @throws what a source throws
   */
  static async read(
    sources: readonly LogSource[],
    onProblem: (source: string, error: unknown) => void = () => {},
  ): Promise<KnownLogs> {
    const logs = new KnownLogs(sources, onProblem);
    for (const [i, source] of sources.entries()) logs.#keys[i] = (await source.changed()) ?? [];
    logs.#index();
    logs.#lookedAt = performance.now();
    return logs;
  }

  /** The keys of a log, none if it is not known. */
  async keysOf(origin: string): Promise<readonly VerifierKey[]> {
    if (performance.now() - this.#lookedAt >= PATIENCE) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    }
    await this.#looking;
    return this.#byOrigin.get(origin) ?? [];
  }

  /** The origins, as they are known now. */
  get origins(): readonly string[] {
    return Array.from(this.#byOrigin.keys());
  }

  async #look(): Promise<void> {
    for (const [i, source] of this.#sources.entries()) {
      try {
        const keys = await source.changed();
        if (keys !== undefined) this.#keys[i] = keys;
        this.#problems.delete(source.name);
      } catch (error) {
        const message = String(error);
        if (this.#problems.get(source.name) !== message) this.#onProblem(source.name, error);
        this.#problems.set(source.name, message);
      }
    }
    this.#index();
    this.#lookedAt = performance.now();
  }

  #index(): void {
    const byOrigin = new Map<string, Map<string, VerifierKey>>();
    for (const key of this.#keys.flat()) {
      const keys = byOrigin.get(key.keyName) ?? new Map<string, VerifierKey>();
      byOrigin.set(key.keyName, keys.set(formatVkey(key), key));
    }
    this.#byOrigin = new Map(Array.from(byOrigin, ([origin, keys]) => [origin, Array.from(keys.values())]));
  }
}
