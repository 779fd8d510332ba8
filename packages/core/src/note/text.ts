const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** UTF-8 bytes of well-formed text. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes, a byte order mark included; `undefined` if they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Whether a note may contain `text`: it can be encoded in UTF-8, and has no control characters below U+0020 other than
 * newline. https://c2sp.org/signed-note#format
 */
export function isNoteText(text: string): boolean {
  return !/[\u0000-\u0009\u000b-\u001f]|\p{Surrogate}/u.test(text);
}

const MAX_QUOTED = 100;

/** Text from outside, for an error message: in quotes, cut short, what a terminal might act on escaped. */
export function quote(text: string): string {
  const characters = Array.from(text.slice(0, MAX_QUOTED + 1));
  const shown = characters
    .slice(0, MAX_QUOTED)
    .join('')
    .replace(/["\\\p{C}\p{Zl}\p{Zp}]/gu, (c) =>
      c === '"' || c === '\\' ? `\\${c}` : `\\u{${c.codePointAt(0)!.toString(16)}}`,
    );
  return `"${shown}${text.length > MAX_QUOTED ? '…' : ''}"`;
}
