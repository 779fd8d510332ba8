import { displayOctets } from './octets.ts';
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

/** The quorum in words, for people: `2 of (a, b, 1 of (c, d))`. */
export function describeQuorum(policy: Policy): string {
  const described = new Map(policy.witnesses.map(({ name }) => [name, displayOctets(name)]));
  for (const { name, threshold, members } of policy.groups) {
    described.set(
      name,
      `${threshold} of (${members.map((member) => described.get(member) ?? displayOctets(member)).join(', ')})`,
    );
  }
  return described.get(policy.quorum) ?? displayOctets(policy.quorum);
}
