import { octetsOf } from './octets.ts';
import { MAX_POLICY_ENTRIES, MAX_POLICY_SIZE, malformedPolicy } from './policy.ts';

/** A line of a policy file that is neither empty nor a comment. */
export interface PolicyLine {
  /** Counted from 1. */
  readonly number: number;
  /** The items between spaces and tabs, as strings of octets; at least one. */
  readonly items: readonly string[];
}

// The vkey of an ML-DSA-44 key has some 2,000, with a name of 255 bytes.
const MAX_ITEM_SIZE = 4096;

// A group of every witness and group that a policy can have, and its keyword, name and threshold.
const MAX_ITEMS = 3 + 2 * MAX_POLICY_ENTRIES;

const NEWLINE = 0x0a;
const HASH_SIGN = 0x23;

// All octets but control characters other than tab and newline.
// https://c2sp.org/tlog-policy#character-set
const isAllowed = (octet: number): boolean => (octet >= 0x20 ? octet !== 0x7f : octet === 0x09 || octet === NEWLINE);

const isSpace = (octet: number | undefined): boolean => octet === 0x20 || octet === 0x09;

/**
 * The lines of a policy file, or of one in a grammar that extends it, with their items. Every line ends in a newline, the
 * last one too. A line is read when it is asked for: whoever refuses one spares the rest.
 * https://c2sp.org/tlog-policy#structure
 *
 * @throws CoreError `policy-malformed`, naming the line, also for items above 4,096 octets, or more of
 * them than any line needs
 */
export function* policyLines(bytes: Uint8Array): Generator<PolicyLine, void, undefined> {
  if (bytes.length > MAX_POLICY_SIZE) {
    throw malformedPolicy(1, `a policy has at most ${MAX_POLICY_SIZE} bytes, found ${bytes.length}`);
  }
  let number = 1;
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    const octet = bytes[at]!;
    if (!isAllowed(octet)) {
      throw malformedPolicy(number, `the octet 0x${octet.toString(16).padStart(2, '0')} is not allowed`);
    }
    if (octet !== NEWLINE) continue;
    const items = readItems(bytes, { number, start, end: at });
    if (items.length > 0) yield { number, items };
    number++;
    start = at + 1;
  }
  if (start < bytes.length) throw malformedPolicy(number, 'the last line does not end in a newline');
}

function readItems(
  bytes: Uint8Array,
  { number, start, end }: { readonly number: number; readonly start: number; readonly end: number },
): string[] {
  const items: string[] = [];
  for (let at = start; at < end; ) {
    if (isSpace(bytes[at])) {
      at++;
      continue;
    }
    if (items.length === 0 && bytes[at] === HASH_SIGN) return [];
    let stop = at + 1;
    while (stop < end && !isSpace(bytes[stop])) stop++;
    if (stop - at > MAX_ITEM_SIZE) {
      throw malformedPolicy(number, `an item has at most ${MAX_ITEM_SIZE} octets, found ${stop - at}`);
    }
    if (items.length === MAX_ITEMS) throw malformedPolicy(number, `a line has at most ${MAX_ITEMS} items`);
    items.push(octetsOf(bytes.subarray(at, stop)));
    at = stop;
  }
  return items;
}
