import {
  CoreError,
  formatSignedNote,
  lastCosigned,
  type Policy,
  parseSignedNote,
  renewSignatures,
  type SignatureScheme,
  type SignedNote,
  satisfiesPolicy,
} from '@vitrine/core';
import type { LogCheckpoint } from '@vitrine/core/log';
import type { WitnessLine } from './witness-answer.ts';

/** The cosignatures that have come for one checkpoint. */
export class Gathering {
  readonly target: LogCheckpoint;
  readonly #policy: Policy;
  readonly #schemes: readonly SignatureScheme[];
  #note: SignedNote;

  /** @param target with the cosignatures that it has already */
  constructor(target: LogCheckpoint, policy: Policy, schemes: readonly SignatureScheme[]) {
    this.target = target;
    this.#policy = policy;
    this.#schemes = schemes;
    this.#note = parseSignedNote(target.note);
  }

  /** Adds lines, each in the place of an older one of its key. Whether any was new. */
  add(lines: readonly WitnessLine[]): boolean {
    const newer = lines.filter(({ line, time }) => (lastCosigned(this.#note, line) ?? -1) < time);
    if (newer.length === 0) return false;
    try {
      this.#note = renewSignatures(
        this.#note,
        newer.map(({ line }) => line),
      );
      return true;
    } catch (error) {
      // A note has room for so many signatures.
      if (error instanceof CoreError) return false;
      throw error;
    }
  }

  /** The checkpoint with all lines. */
  note(): Uint8Array {
    return formatSignedNote(this.#note);
  }

  /** The same, if the policy is satisfied by it. */
  satisfied(): Uint8Array | undefined {
    const note = this.note();
    return satisfiesPolicy(note, this.#policy, { schemes: this.#schemes }) ? note : undefined;
  }
}
