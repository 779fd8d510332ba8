import { decodeUtf8 } from './text.ts';

/** Octets as a string with one character of U+0000 to U+00FF for each. */
export function octetsOf(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 8192) parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
  return parts.join('');
}

/** The bytes of {@link octetsOf}. Every character of `octets` must be below U+0100. */
export function bytesOf(octets: string): Uint8Array {
  return Uint8Array.from(octets, (octet) => octet.charCodeAt(0));
}

/**
 * The name or URL of a policy for people: as UTF-8 where it is valid and visible, each other octet as `\xNN`. Different
 * names may look alike: compare the octets. https://c2sp.org/tlog-policy#character-set
 */
export function displayOctets(octets: string): string {
  const text = decodeUtf8(bytesOf(octets));
  if (text !== undefined && !/[\p{C}\p{Zl}\p{Zp}\\]/u.test(text)) return text;
  return octets.replace(/[^\x21-\x7e]|\\/g, (octet) => `\\x${octet.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
