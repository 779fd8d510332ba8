import { NO_QUORUM, type Policy } from '@vitrine/core';

/**
 * How many witnesses two sets that satisfy a quorum share at least. All of those have to lie if a second tree is to be cosigned by
 * a quorum while the honest ones see both: a quorum tolerates one less. Two of three share one, and tolerate none; where two
 * sets share nobody, two trees can be cosigned without any lie.
 */
export function quorumOverlap({ witnesses, groups, quorum }: Policy): number {
  if (quorum === NO_QUORUM) return 0;
  const keyNames = new Map(witnesses.map(({ name, key }) => [name, key.keyName]));
  const overlapOf = (name: string): number => {
    const group = groups.find((one) => one.name === name);
    if (group === undefined) return 1;
    const { threshold, members } = group;
    // Any of the keys of one witness is that witness.
    const parties = new Set(members.map((member) => keyNames.get(member)));
    if (threshold === 1 && parties.size === 1 && !parties.has(undefined)) return 1;
    // No witness is in two groups, so members share nobody, and the sets share as few of the cheapest as they must.
    const shared = Math.max(0, 2 * threshold - members.length);
    return members
      .map(overlapOf)
      .sort((a, b) => a - b)
      .slice(0, shared)
      .reduce((sum, overlap) => sum + overlap, 0);
  };
  return overlapOf(quorum);
}
