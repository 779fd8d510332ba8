import type { RefusalCode } from '../../src/refusal.ts';
import type { AgentState } from '../../src/state/state.ts';
import type { Attempt } from '../attempt.ts';

/** What a verifier gets: as an {@link Attempt}, but trust file and state can be any bytes. */
export interface CaseInput extends Omit<Attempt, 'trust' | 'state'> {
  readonly trust: string | Uint8Array;
  readonly state?: AgentState | Uint8Array;
}

/** A case of the corpus. */
export interface ConformanceCase {
  /** What is tried. The case's id is made of it. */
  readonly name: string;
  readonly expected: 'accepted' | RefusalCode;
  /** What of the answer's finding the case is about, as JSON. */
  readonly finding?: object;
  readonly input: () => Promise<CaseInput>;
}

/** A case that has to be accepted. */
export function accepted(name: string, input: ConformanceCase['input'], finding: object = {}): ConformanceCase {
  return { name, expected: 'accepted', finding, input };
}

/** A case that has to be refused with a code. */
export function refused(expected: RefusalCode, name: string, input: ConformanceCase['input']): ConformanceCase {
  return { name, expected, input };
}
