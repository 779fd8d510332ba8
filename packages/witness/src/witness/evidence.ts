import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectoryDurably, removeUnfinishedFiles, writeFileDurably } from '@vitrine/core/log';
import { type Finding, type FindingKind, findingId, formatFinding } from './finding.ts';
import { originHash } from './origin-hash.ts';
import { attempt } from './state-directory.ts';

const DIRECTORY = 'evidence';

/** How much evidence of one log is kept. */
export interface EvidenceLimits {
  /** Most findings that only the log itself can have caused. One is proof; a log can sign as many as it likes. */
  readonly signed: number;
  /** Most bytes of all of these together, but for the first, which is kept whatever it has. */
  readonly signedBytes: number;
  /** Most findings that anybody who has its checkpoints can cause. */
  readonly unproven: number;
  /** Most bytes of one finding of the latter kind. */
  readonly unprovenBytes: number;
}

export const EVIDENCE_LIMITS: EvidenceLimits = {
  signed: 100,
  signedBytes: 16 << 20,
  unproven: 100,
  unprovenBytes: 64 << 10,
};

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
  /** The files of each log, by the hash of its origin: their names, and how many bytes they have. */
  #files: Promise<Map<string, Map<string, number>>> | undefined;

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
    const ofLog = files.get(hash) ?? new Map<string, number>();
    if (ofLog.has(name)) return 'known';
    const bytes = formatFinding(finding);
    if (!this.#hasRoom(kind, bytes.length, ofLog)) return 'dropped';
    files.set(hash, ofLog.set(name, bytes.length));
    try {
      await attempt(this.directory, async () => {
        await makeDirectoryDurably(this.directory);
        await this.#clean();
        await writeFileDurably(join(this.directory, name), bytes);
      });
    } catch (error) {
      ofLog.delete(name);
      throw error;
    }
    return 'new';
  }

  #hasRoom(kind: FindingKind, bytes: number, ofLog: ReadonlyMap<string, number>): boolean {
    const { signed, signedBytes, unproven, unprovenBytes } = this.#limits;
    const isUnproven = kind === 'unproven';
    const sizes = Array.from(ofLog)
      .filter(([name]) => name.includes('-unproven-') === isUnproven)
      .map(([, size]) => size);
    if (isUnproven) return sizes.length < unproven && bytes <= unprovenBytes;
    const all = sizes.reduce((sum, size) => sum + size, bytes);
    return sizes.length === 0 || (sizes.length < signed && all <= signedBytes);
  }

  /** Removes what a process left that was killed while it kept a finding, before others are written. */
  #clean(): Promise<void> {
    this.#cleaned ??= removeUnfinishedFiles(this.directory).catch((error) => {
      // What failed may succeed later.
      this.#cleaned = undefined;
      throw error;
    });
    return this.#cleaned;
  }

  async #list(): Promise<Map<string, Map<string, number>>> {
    const files = new Map<string, Map<string, number>>();
    for (const name of await evidenceFiles(this.directory)) {
      const hash = name.slice(0, name.indexOf('-'));
      const path = join(this.directory, name);
      const { size } = await attempt(path, () => stat(path));
      files.set(hash, (files.get(hash) ?? new Map<string, number>()).set(name, size));
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
