import { CoreError } from '../error.ts';
import type { VerifierKey } from './vkey.ts';

/**
 * Which logs, witnesses and cosignatures are accepted. Plain data: a policy without logs can be given them with `{
 * ...policy, logs }`. Names and URLs are opaque octets, held as strings of the characters U+0021 to U+00FF, one for each
 * octet; `displayOctets` shows them to people. https://c2sp.org/tlog-policy
 */
export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** In an order in which each refers only to earlier ones. */
  readonly groups: readonly PolicyGroup[];
  /** The witness or group that must have cosigned, or {@link NO_QUORUM}. */
  readonly quorum: string;
}

/** A `log` line. https://c2sp.org/tlog-policy#defining-a-log */
export interface PolicyLog {
  /** Of type 0x01 or 0x06; its name is the log's origin. */
  readonly key: VerifierKey;
  readonly url?: string;
}

/** A `witness` line. https://c2sp.org/tlog-policy#defining-a-witness */
export interface PolicyWitness {
  readonly name: string;
  /** Of type 0x04 or 0x06. */
  readonly key: VerifierKey;
  readonly url?: string;
}

/** A `group` line. https://c2sp.org/tlog-policy#defining-a-witness-group */
export interface PolicyGroup {
  readonly name: string;
  /** How many of the members must have cosigned: 1 for `any`, all of them for `all`. */
  readonly threshold: number;
  /** Witnesses and groups. */
  readonly members: readonly string[];
}

/** The predefined quorum that needs no cosignature. https://c2sp.org/tlog-policy#defining-the-quorum */
export const NO_QUORUM = 'none';

/** Largest policy file, in bytes. */
export const MAX_POLICY_SIZE: number = 1 << 20;

/** Most logs, most witnesses and most groups of one policy. https://c2sp.org/tlog-policy#implementation-limits */
export const MAX_POLICY_ENTRIES = 256;

/** A refusal that names the line, counted from 1. */
export function malformedPolicy(line: number, message: string, cause?: unknown): CoreError {
  return new CoreError('policy-malformed', `line ${line}: ${message}`, { cause });
}
