import { equalBytes } from '../bytes/equal.ts';
import { CoreError } from '../error.ts';
import { cosignatureTime } from './cosignature.ts';
import { type OpenedCheckpoint, openSignedCheckpoint, readSignedCheckpoint } from './open-checkpoint.ts';
import { isSameKey } from './open-note.ts';
import type { Policy } from './policy.ts';
import { describeNames, describeQuorum, quorumSatisfied } from './quorum.ts';
import type { SchemeOptions } from './signature-scheme.ts';
import { quote } from './text.ts';
import type { VerifierKey } from './vkey.ts';

/** A valid cosignature by a witness of the policy. */
export interface WitnessCosignature {
  /** The witness's name in the policy, as octets. */
  readonly witness: string;
  readonly keyName: string;
  /** Seconds since the Epoch; 0 says nothing about time. */
  readonly time: number;
}

/** A checkpoint that a policy accepts. */
export interface VerifiedCheckpoint extends OpenedCheckpoint {
  /** Every valid one: a witness that cosigned more than once, at different times, stands here more than once. */
  readonly cosignatures: readonly WitnessCosignature[];
}

/**
 * Reads and verifies a checkpoint under a policy: one of the policy's log keys for its origin signed it, no line of a
 * known key (log or witness) is invalid, and valid cosignatures satisfy the quorum. Times decide nothing here: a
 * cosignature of type 0x06 with the time 0 counts for the quorum. No log witnesses itself: a public key that the policy
 * lists for this origin is no witness of it, even if the policy lists it as a witness too. Type 0x06 needs `schemes`, if such a key has a line. https://c2sp.org/tlog-policy#what-is-a-policy
 *
 * @throws CoreError `policy-log` if the policy has no log of this origin; `policy-quorum`; and as `openCheckpoint`
 */
export function verifyCheckpoint(bytes: Uint8Array, policy: Policy, options: SchemeOptions = {}): VerifiedCheckpoint {
  const signed = readSignedCheckpoint(bytes);
  const { origin } = signed.text.checkpoint;
  const logKeys = policy.logs.map(({ key }) => key);
  const keys = logKeys.filter(({ keyName }) => keyName === origin);
  if (keys.length === 0) throw new CoreError('policy-log', `the policy has no log ${quote(origin)}`);
  const cosigners = [...logKeys, ...policy.witnesses.map(({ key }) => key)];
  const opened = openSignedCheckpoint(signed, { ...options, origin, keys, cosigners });

  const isLogKey = (key: VerifierKey): boolean => keys.some((own) => equalBytes(own.publicKey, key.publicKey));
  const cosignatures: WitnessCosignature[] = [];
  for (const { verifier, signatures } of opened.note.verified) {
    const witness = policy.witnesses.find(({ key }) => isSameKey(key, verifier));
    if (witness === undefined || isLogKey(verifier)) continue;
    for (const signature of signatures) {
      cosignatures.push({ witness: witness.name, keyName: verifier.keyName, time: cosignatureTime(signature) });
    }
  }
  const witnesses = new Set(cosignatures.map(({ witness }) => witness));
  if (!quorumSatisfied(policy, witnesses)) {
    const found = describeNames(Array.from(witnesses));
    throw new CoreError('policy-quorum', `the quorum needs cosignatures by ${describeQuorum(policy)}, found ${found}`);
  }
  return { ...opened, cosignatures };
}

/**
 * Whether a checkpoint, which is one of a log of the policy, has the cosignatures that satisfy its quorum.
 *
 * @throws CoreError as {@link verifyCheckpoint}, but for `policy-quorum`
 */
export function satisfiesPolicy(bytes: Uint8Array, policy: Policy, options: SchemeOptions = {}): boolean {
  try {
    verifyCheckpoint(bytes, policy, options);
    return true;
  } catch (error) {
    if (error instanceof CoreError && error.code === 'policy-quorum') return false;
    throw error;
  }
}
