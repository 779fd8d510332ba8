import { decodeUtf8 } from './text.ts';

/** Octets as a string with one character of U+0000 to U+00FF for each. */
export function octetsOf(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 8192) parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
  return parts.join('');
}

/** The bytes of {@link octetsOf}. Every character of `octets` must be below U+0100. */
export function bytesOf(octets: string): Uint8Array {
  const bytes = new Uint8Array(octets.length);
  for (let i = 0; i < octets.length; i++) bytes[i] = octets.charCodeAt(i);
  return bytes;
}

/**
 * The name or URL of a policy for people: as UTF-8 where it is valid and visible, each other octet as `\xNN`. Different
 * names may look alike: compare the octets. https://c2sp.org/tlog-policy#character-set
 */
export function displayOctets(octets: string): string {
  const text = decodeUtf8(bytesOf(octets));
  if (text !== undefined && !/[\p{C}\p{Zl}\p{Zp}\\]/u.test(text)) return text;
  let shown = '';
  for (let i = 0; i < octets.length; i++) shown += SHOWN[octets.charCodeAt(i)];
  return shown;
}

const SHOWN: readonly string[] = Array.from({ length: 0x100 }, (_, octet) =>
  octet > 0x20 && octet < 0x7f && octet !== 0x5c
    ? String.fromCharCode(octet)
    : `\\x${octet.toString(16).padStart(2, '0')}`,
);

const MAX_SHOWN = 80;

/** As {@link displayOctets}, cut to a length that fits into an error message. */
export function displayShort(octets: string): string {
  const text = displayOctets(octets);
  return text.length > MAX_SHOWN
    ? `${Array.from(text.slice(0, 2 * MAX_SHOWN))
        .slice(0, MAX_SHOWN)
        .join('')}…`
    : text;
}
