import { type Policy, quorumSatisfied, type WitnessCosignature } from '@vitrine/core';

/** How far ahead of ours the clock of a witness may be, in seconds. */
export const CLOCK_TOLERANCE = 300;

/**
 * When a checkpoint was seen: the greatest T for which the cosignatures dated from T to now satisfy the quorum. Times of zero
 * and of the future count for nothing. Undefined if there is no such T: under a quorum of none, if nobody has cosigned.
 *
 * @param now in seconds since the Epoch; a witness's clock may be {@link CLOCK_TOLERANCE} ahead
 */
export function checkpointTime(
  policy: Policy,
  cosignatures: readonly WitnessCosignature[],
  now: number,
): number | undefined {
  const dated = cosignatures.filter(({ time }) => time > 0 && time <= now + CLOCK_TOLERANCE);
  const times = Array.from(new Set(dated.map(({ time }) => time))).sort((a, b) => b - a);
  return times.find((earliest) => {
    const witnesses = new Set(dated.filter(({ time }) => time >= earliest).map(({ witness }) => witness));
    return quorumSatisfied(policy, witnesses);
  });
}
