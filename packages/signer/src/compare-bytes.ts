/** Orders byte strings by their bytes, from the first on; a prefix comes before what it is a prefix of. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

const encoder = new TextEncoder();

/** Orders texts by their bytes in UTF-8, as the lists in statements are. JavaScript's own order is another. */
export function compareText(a: string, b: string): number {
  return compareBytes(encoder.encode(a), encoder.encode(b));
}
