import { displayShort } from './octets.ts';
import { NO_QUORUM, type Policy } from './policy.ts';

/**
 * Whether cosignatures of these witnesses (names of the policy; others are ignored) satisfy its quorum.
 * https://c2sp.org/tlog-policy#defining-the-quorum
 */
export function quorumSatisfied(policy: Policy, witnessNames: ReadonlySet<string>): boolean {
  if (policy.quorum === NO_QUORUM) return true;
  const satisfied = new Set<string>();
  for (const { name } of policy.witnesses) if (witnessNames.has(name)) satisfied.add(name);
  // Groups refer to earlier ones only.
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => satisfied.has(member)).length >= threshold) satisfied.add(name);
  }
  return satisfied.has(policy.quorum);
}

/** How many witnesses the smallest set has that satisfies a quorum: 0 for {@link NO_QUORUM}. */
export function quorumSize({ groups, quorum }: Policy): number {
  const sizeOf = (name: string): number => {
    const group = groups.find((one) => one.name === name);
    if (group === undefined) return 1;
    // No name is a member of two groups, so the cheapest members do.
    const sizes = group.members.map(sizeOf).sort((a, b) => a - b);
    return sizes.slice(0, group.threshold).reduce((sum, size) => sum + size, 0);
  };
  return quorum === NO_QUORUM ? 0 : sizeOf(quorum);
}

// Witnesses and groups in one description: enough to recognise a policy.
const MAX_NAMES = 16;

/** Names of a policy for an error message, the first few of them: `a, b, c`, or `none`. */
export function describeNames(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return [...names.slice(0, MAX_NAMES).map(displayShort), ...(names.length > MAX_NAMES ? ['…'] : [])].join(', ');
}

/** The quorum in words, for people: `2 of (a, b, 1 of (c, d))`. A large one is cut short. */
export function describeQuorum({ groups, quorum }: Policy): string {
  const byName = new Map(groups.map((group) => [group.name, group]));
  let left = MAX_NAMES;
  const describe = (name: string): string => {
    left--;
    const group = byName.get(name);
    if (group === undefined) return displayShort(name);
    const members: string[] = [];
    for (const member of group.members) {
      if (left <= 0) {
        members.push('…');
        break;
      }
      members.push(describe(member));
    }
    return `${group.threshold} of (${members.join(', ')})`;
  };
  return describe(quorum);
}
