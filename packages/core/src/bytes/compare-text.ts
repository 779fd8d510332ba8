import { compareBytes } from './compare.ts';

const encoder = new TextEncoder();

/** Orders texts by their bytes in UTF-8, as the lists in statements are. JavaScript's own order is another. */
export function compareText(a: string, b: string): number {
  return compareBytes(encoder.encode(a), encoder.encode(b));
}
