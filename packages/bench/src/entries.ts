/** Bytes in each entry. */
const ENTRY_SIZE = 200;

/** Entries made at once: a producer that reads a file or a socket makes views of a buffer as well. */
const CHUNK = 256;

/** `count` different entries of pseudo-random bytes, the same in every run. */
export function* entriesOf(count: number, first = 0): Generator<Uint8Array, void, undefined> {
  let state = 0x9e3779b9;
  const noise = new Uint8Array(ENTRY_SIZE * 64);
  for (let i = 0; i < noise.length; i++) {
    // xorshift32: the bytes must not compress, and need no other quality.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    noise[i] = state & 0xff;
  }
  let chunk = new Uint8Array(0);
  for (let i = 0; i < count; i++) {
    const at = (i % CHUNK) * ENTRY_SIZE;
    if (at === 0) chunk = new Uint8Array(CHUNK * ENTRY_SIZE);
    const entry = chunk.subarray(at, at + ENTRY_SIZE);
    const shift = (i % 63) * ENTRY_SIZE;
    entry.set(noise.subarray(shift, shift + ENTRY_SIZE));
    const n = first + i;
    entry[0] = n & 0xff;
    entry[1] = (n >>> 8) & 0xff;
    entry[2] = (n >>> 16) & 0xff;
    entry[3] = n >>> 24;
    yield entry;
  }
}

/** The same as an asynchronous iterable. */
export async function* entriesAsync(count: number, first = 0): AsyncGenerator<Uint8Array, void, undefined> {
  for (const entry of entriesOf(count, first)) yield entry;
}
