import { octetsOf } from './octets.ts';
import { MAX_POLICY_SIZE, malformedPolicy } from './policy.ts';

/** A line of a policy file that is neither empty nor a comment. */
export interface PolicyLine {
  /** Counted from 1. */
  readonly number: number;
  /** The items between spaces and tabs, as strings of octets; at least one. */
  readonly items: readonly string[];
}

// All octets but control characters other than tab and newline.
// https://c2sp.org/tlog-policy#character-set
const isAllowed = (octet: number): boolean => (octet >= 0x20 ? octet !== 0x7f : octet === 0x09 || octet === 0x0a);

/**
 * Splits a policy file, or one in a grammar that extends it, into lines and items. Every line ends in a newline, the last
 * one too. https://c2sp.org/tlog-policy#structure
 *
 * @throws CoreError `policy-malformed`, naming the line
 */
export function policyLines(bytes: Uint8Array): PolicyLine[] {
  if (bytes.length > MAX_POLICY_SIZE) {
    throw malformedPolicy(1, `a policy has at most ${MAX_POLICY_SIZE} bytes, found ${bytes.length}`);
  }
  let number = 1;
  for (const octet of bytes) {
    if (octet === 0x0a) number++;
    else if (!isAllowed(octet)) {
      throw malformedPolicy(number, `the octet 0x${octet.toString(16).padStart(2, '0')} is not allowed`);
    }
  }
  if (bytes.length > 0 && bytes[bytes.length - 1] !== 0x0a) {
    throw malformedPolicy(number, 'the last line does not end in a newline');
  }
  const lines: PolicyLine[] = [];
  octetsOf(bytes)
    .split('\n')
    .forEach((line, i) => {
      const items = line.split(/[ \t]+/).filter((item) => item !== '');
      if (items.length > 0 && !items[0]!.startsWith('#')) lines.push({ number: i + 1, items });
    });
  return lines;
}
