import { bytesOfOctets, type Policy, type PolicyWitness } from '@vitrine/core';

/** Where one or more witnesses of a policy are asked: those with one URL are the keys of one witness. */
export interface WitnessEndpoint {
  /** The submission prefix, without a slash at the end. https://c2sp.org/tlog-witness#http-interface */
  readonly url: string;
  readonly witnesses: readonly PolicyWitness[];
}

/** The witnesses of a policy by where they are asked, and those that cannot be. */
export interface WitnessEndpoints {
  readonly endpoints: readonly WitnessEndpoint[];
  readonly unreachable: readonly { readonly witness: PolicyWitness; readonly reason: string }[];
}

/** Sorts the witnesses of a policy. */
export function witnessEndpoints({ witnesses }: Policy): WitnessEndpoints {
  const byUrl = new Map<string, PolicyWitness[]>();
  const unreachable: { witness: PolicyWitness; reason: string }[] = [];
  for (const witness of witnesses) {
    const url = witness.url === undefined ? undefined : submissionPrefix(witness.url);
    if (url === undefined) {
      const reason = witness.url === undefined ? 'the policy has no URL of it' : 'its URL is not one of HTTP';
      unreachable.push({ witness, reason });
    } else {
      byUrl.set(url, [...(byUrl.get(url) ?? []), witness]);
    }
  }
  return { endpoints: Array.from(byUrl, ([url, list]) => ({ url, witnesses: list })), unreachable };
}

function submissionPrefix(octets: string): string | undefined {
  const text = new TextDecoder().decode(bytesOfOctets(octets));
  if (!URL.canParse(text)) return undefined;
  const { protocol, search, hash, href } = new URL(text);
  if (!['http:', 'https:'].includes(protocol) || search !== '' || hash !== '') return undefined;
  return href.replace(/\/+$/, '');
}
