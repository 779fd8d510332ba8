const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes; undefined if they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    // The answer to the question that was asked.
    return undefined;
  }
}

// Control and format characters, surrogates and private use, line and paragraph separators: a terminal may act on them, or
// show another text than is there.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** Text from outside, so that a terminal shows it and does not act on it. Newlines and tabs are kept where asked. */
export function printable(text: string, { multiline = false }: { multiline?: boolean } = {}): string {
  return text.replace(UNSAFE, (character) => {
    if (multiline && (character === '\n' || character === '\t')) return character;
    return ESCAPES.get(character) ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

// What a terminal may act on and JSON allows as it is.
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu;

/** A value as one line of JSON, so that a terminal shows it and does not act on it. */
export function jsonLine(value: unknown): string {
  const escaped = JSON.stringify(value).replace(UNSAFE_IN_JSON, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
  return `${escaped}\n`;
}

/** Bytes as lines that a terminal can show: their text where they are UTF-8, otherwise a dump. */
export function visible(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  return text === undefined ? hexDump(bytes) : printable(text, { multiline: true });
}

/** Bytes as one line: their text where they are UTF-8, otherwise each unprintable one as `\xNN`. At most `width` wide. */
export function preview(bytes: Uint8Array, width: number): string {
  // A character is at most four bytes, and escapes only make it longer.
  const start = bytes.subarray(0, 4 * width);
  const text = decodeUtf8(bytes);
  const line =
    text === undefined
      ? Array.from(start, (byte) =>
          byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${hexByte(byte)}`,
        ).join('')
      : printable(text.slice(0, 4 * width));
  return cut(line, width);
}

/** A line, at most `width` wide. */
export function cut(line: string, width: number): string {
  const characters = Array.from(line);
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : line;
}

/** Bytes as a dump: offset, sixteen bytes in hex, and what of them is printable. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16));
    const hex = row.map(hexByte).join(' ').padEnd(47);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex}  ${text}\n`);
  }
  return lines.join('');
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Rows of a label and a value, the values under each other. */
export function aligned(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('');
}

/** A number with its noun. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}

/** A URL of HTTP or HTTPS; undefined for any other text. */
export function httpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) ? url : undefined;
}
