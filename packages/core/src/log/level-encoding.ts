import { CoreError } from '../error.ts';

// What LevelDB's files have in common.
// https://github.com/google/leveldb/blob/main/doc/table_format.md and log_format.md

/** Reads LevelDB's encodings one behind the other. Everything throws CoreError `store-corrupt` where bytes are missing. */
export class LevelReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  bytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new CoreError('store-corrupt', 'it ends too early');
    const start = this.#at;
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  byte(): number {
    return this.bytes(1)[0]!;
  }

  /** Least significant byte first. */
  integer(size: 1 | 2 | 3 | 4): number {
    return this.bytes(size).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** Seven bits a byte, least significant first, in as few bytes as possible: every value has one encoding. */
  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (!Number.isSafeInteger(value)) throw new CoreError('store-corrupt', 'a number is too large');
      if (byte >= 0x80) continue;
      if (byte === 0 && factor > 1) throw new CoreError('store-corrupt', 'a number has a needless byte');
      return value;
    }
  }
}

/** The CRC-32C for which `masked` stands in a file: LevelDB masks it because data may hold CRCs of its own. */
export function unmaskChecksum(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}
