import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectoryDurably, removeUnfinishedFiles, writeFileDurably } from '@vitrine/core/log';
import { type Finding, findingId, formatFinding } from './finding.ts';
import { originHash } from './origin-hash.ts';
import { attempt } from './state-directory.ts';

const DIRECTORY = 'evidence';

/** How much evidence of one log is kept. */
export interface EvidenceLimits {
  /** Most findings that only the log itself can have caused. One is proof; a log can sign as many as it likes. */
  readonly signed: number;
  /** Most findings that anybody who has its checkpoints can cause. */
  readonly unproven: number;
  /** Most bytes of one finding of the latter kind. */
  readonly unprovenBytes: number;
}

export const EVIDENCE_LIMITS: EvidenceLimits = { signed: 1000, unproven: 100, unprovenBytes: 64 * 1024 };

/** What became of a finding. */
export type Kept = 'new' | 'known' | 'dropped';

/**
 * The findings of misbehaviour, each in a file of its own in a directory that others can read meanwhile. One finding is kept once,
 * and what anybody can cause is bounded for each log.
 */
export class Evidence {
  readonly directory: string;
  readonly #limits: EvidenceLimits;
  #cleaned: Promise<void> | undefined;
  /** The files of each log, by the hash of its origin. */
  #files: Promise<Map<string, Set<string>>> | undefined;

  /** @param stateDirectory that of the state, in which the evidence has its own */
  constructor(stateDirectory: string, limits: EvidenceLimits = EVIDENCE_LIMITS) {
    this.directory = join(stateDirectory, DIRECTORY);
    this.#limits = limits;
  }

  /**
   * Keeps a finding, unless it is known or its log has as many as are kept. Once this resolves it survives a power cut.
   *
   * @throws WitnessError `state-io`
   */
  async keep(finding: Finding): Promise<Kept> {
    const { kind, origin } = finding;
    const hash = originHash(origin);
    const name = `${hash}-${kind}-${findingId(finding)}.json`;
    this.#files ??= this.#list();
    // What failed may succeed later.
    this.#files.catch(() => {
      this.#files = undefined;
    });
    const files = await this.#files;
    const ofLog = files.get(hash) ?? new Set();
    if (ofLog.has(name)) return 'known';
    const bytes = formatFinding(finding);
    const unproven = Array.from(ofLog).filter((other) => other.startsWith(`${hash}-unproven-`)).length;
    const isFull =
      kind === 'unproven'
        ? unproven >= this.#limits.unproven || bytes.length > this.#limits.unprovenBytes
        : ofLog.size - unproven >= this.#limits.signed;
    if (isFull) return 'dropped';
    files.set(hash, ofLog.add(name));
    try {
      await attempt(this.directory, async () => {
        await makeDirectoryDurably(this.directory);
        // What a process left that was killed while it kept a finding, before others are written.
        this.#cleaned ??= removeUnfinishedFiles(this.directory);
        await this.#cleaned;
        await writeFileDurably(join(this.directory, name), bytes);
      });
    } catch (error) {
      ofLog.delete(name);
      throw error;
    }
    return 'new';
  }

  async #list(): Promise<Map<string, Set<string>>> {
    const files = new Map<string, Set<string>>();
    for (const name of await evidenceFiles(this.directory)) {
      const hash = name.slice(0, name.indexOf('-'));
      files.set(hash, (files.get(hash) ?? new Set()).add(name));
    }
    return files;
  }
}

/** The names of the files of findings in a directory, in their order. @throws WitnessError `state-io` */
export async function evidenceFiles(directory: string): Promise<string[]> {
  const names = await attempt(directory, () =>
    readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    }),
  );
  return names
    .filter((name) => /^[0-9a-f]{64}-(two-roots|empty-root|rewritten|unproven)-[0-9a-f]{16}\.json$/.test(name))
    .sort();
}
