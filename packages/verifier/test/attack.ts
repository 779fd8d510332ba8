import type { RefusalCode } from '../src/refusal.ts';
import type { Attempt } from './attempt.ts';

/** A change of the code that removes a check: text in a file below packages/, and what stands there instead. */
export interface Mutation {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** What somebody tries, what refuses it, and without which check it would succeed. */
export interface Attack {
  readonly name: string;
  readonly code: RefusalCode;
  readonly attempt: () => Promise<Attempt>;
  readonly check: readonly Mutation[];
}

/** A mutation of the verifier. */
export const verifier = (file: string, find: string, replace: string): Mutation => ({
  file: `verifier/src/${file}`,
  find,
  replace,
});
/** A mutation of core. */
export const core = (file: string, find: string, replace: string): Mutation => ({
  file: `core/src/${file}`,
  find,
  replace,
});
