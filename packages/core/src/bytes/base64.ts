import { base64 } from '@scure/base';
import { CoreError } from '../error.ts';

// Native decoders skip white space; the formats here allow none.
const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$/;

/** Standard base64 with padding. RFC 4648, section 4. */
export function formatBase64(bytes: Uint8Array): string {
  return base64.encode(bytes);
}

/**
 * Reads what {@link formatBase64} writes and nothing else: padding is there, unused bits are zero, no white space.
 *
 * @param what names the value in the error
 * @throws CoreError `base64-malformed`
 */
export function parseBase64(text: string, what: string): Uint8Array {
  if (text.length % 4 === 0 && ALPHABET.test(text)) {
    try {
      return base64.decode(text);
    } catch (cause) {
      throw new CoreError('base64-malformed', `${what} is not canonical base64`, { cause });
    }
  }
  throw new CoreError('base64-malformed', `${what} is not base64`);
}
