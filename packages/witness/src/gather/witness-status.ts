import type { Policy } from '@vitrine/core';
import type { AskedWitness, WitnessFailure } from './asked-witness.ts';
import type { WitnessEndpoints } from './witness-endpoint.ts';

/** What is known of one witness of the policy. */
export interface WitnessStatus {
  /** In the policy. */
  readonly name: string;
  readonly keyName: string;
  readonly url?: string;
  /** The size that it saw last, as far as is known; undefined if nothing is. */
  readonly size?: number;
  /** Its newest cosignature: the size of the tree, and the time in seconds since the Epoch. */
  readonly cosigned?: { readonly size: number; readonly time: number };
  /** Why it gave none when it was asked last. */
  readonly failure?: WitnessFailure;
}

/** The status of each witness of a policy, in its order. @param now seconds since the Epoch */
export function witnessStatuses(
  { witnesses }: Policy,
  asked: readonly AskedWitness[],
  unreachable: WitnessEndpoints['unreachable'],
  now: number,
): WitnessStatus[] {
  return witnesses.map((witness): WitnessStatus => {
    const { name, key } = witness;
    const outOfReach = unreachable.find((other) => other.witness === witness);
    if (outOfReach !== undefined) {
      const failure = { code: 'witness-unreachable', message: outOfReach.reason, time: now };
      return { name, keyName: key.keyName, failure };
    }
    const { endpoint, gathering, size, cosigned, failure } = asked.find((one) =>
      one.endpoint.witnesses.includes(witness),
    )!;
    const newest = cosigned.get(name);
    return {
      name,
      keyName: key.keyName,
      url: endpoint.url,
      ...((gathering !== undefined || size > 0) && { size }),
      ...(newest && { cosigned: newest }),
      ...(failure && { failure }),
    };
  });
}
