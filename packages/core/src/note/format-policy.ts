import { bytesOf, octetsOf } from './octets.ts';
import { parsePolicy } from './parse-policy.ts';
import { malformedPolicy, type Policy, type PolicyGroup } from './policy.ts';
import { encodeUtf8 } from './text.ts';
import { formatVkey, type VerifierKey } from './vkey.ts';

const octetsOfKey = (key: VerifierKey): string => octetsOf(encodeUtf8(formatVkey(key)));

const urlItem = (url: string | undefined): string[] => (url === undefined ? [] : [url]);

function thresholdItem({ threshold, members }: PolicyGroup): string {
  if (threshold === 1) return 'any';
  return threshold === members.length ? 'all' : String(threshold);
}

/**
 * Writes a policy in its one canonical form: logs, witnesses, groups and the quorum, one space between items, `any` and
 * `all` where they fit. `parsePolicy` reads the same policy back. https://c2sp.org/tlog-policy
 *
 * @throws CoreError `policy-malformed` if `parsePolicy` would refuse it, naming the line; `key-malformed`
 */
export function formatPolicy(policy: Policy): Uint8Array {
  const { logs, witnesses, groups, quorum } = policy;
  const lines = [
    ...logs.map(({ key, url }) => ['log', octetsOfKey(key), ...urlItem(url)]),
    ...witnesses.map(({ name, key, url }) => ['witness', name, octetsOfKey(key), ...urlItem(url)]),
    ...groups.map((group) => ['group', group.name, thresholdItem(group), ...group.members]),
    ['quorum', quorum],
  ];
  lines.forEach((items, i) => {
    // An item that holds a space or a newline would read as something else.
    if (!items.every((item) => /^[\x21-\x7e\x80-\xff]+$/.test(item))) {
      throw malformedPolicy(i + 1, 'names and URLs are octets without spaces and control characters, at least one');
    }
  });
  const bytes = bytesOf(lines.map((items) => `${items.join(' ')}\n`).join(''));
  parsePolicy(bytes);
  return bytes;
}
