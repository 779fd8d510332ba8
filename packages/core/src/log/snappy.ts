import { CoreError } from '../error.ts';
import { LevelReader } from './level-encoding.ts';

/**
 * Decompresses Snappy's raw format. https://github.com/google/snappy/blob/main/format_description.txt
 *
 * @throws CoreError `store-corrupt` unless it is exactly one stream of at most `limit` bytes, decompressed
 */
export function decompressSnappy(bytes: Uint8Array, limit: number): Uint8Array {
  const input = new LevelReader(bytes);
  const length = input.varint();
  if (length > limit) throw new CoreError('store-corrupt', `it has ${length} bytes decompressed, more than ${limit}`);
  const output = new Uint8Array(length);
  let at = 0;
  const makeRoom = (size: number): void => {
    if (size > length - at) throw new CoreError('store-corrupt', `it has more than the ${length} bytes that it says`);
  };
  const copy = (offset: number, size: number): void => {
    if (offset === 0 || offset > at) throw new CoreError('store-corrupt', 'it copies what is not there');
    makeRoom(size);
    // Byte by byte: a copy may go on into what it writes.
    for (const end = at + size; at < end; at++) output[at] = output[at - offset]!;
  };
  while (!input.isAtEnd) {
    const tag = input.byte();
    const high = tag >>> 2;
    switch (tag & 3) {
      case 0: {
        // From 60 on, the size stands in the next 1 to 4 bytes.
        const size = 1 + (high < 60 ? high : input.integer((high - 59) as 1 | 2 | 3 | 4));
        makeRoom(size);
        output.set(input.bytes(size), at);
        at += size;
        break;
      }
      case 1:
        copy((tag >>> 5) * 256 + input.byte(), 4 + (high & 7));
        break;
      case 2:
        copy(input.integer(2), 1 + high);
        break;
      case 3:
        copy(input.integer(4), 1 + high);
    }
  }
  if (at < length) throw new CoreError('store-corrupt', `it has ${at} of the ${length} bytes that it says`);
  return output;
}
