import { CoreError } from '../error.ts';
import { crc32c } from './crc32c.ts';
import { LevelReader, unmaskChecksum } from './level-encoding.ts';

// A manifest is a journal (doc/log_format.md) of version edits, each of which adds tables and removes some.

const BLOCK_SIZE = 32 * 1024;
/** Masked CRC-32C of type and data (4), length (2), type (1). */
const HEADER_SIZE = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

/**
 * The tables of a database, from the bytes of its manifest: their numbers and sizes in bytes. As in LevelDB, a record that
 * is not whole at the end was being written when a process ended, and does not count.
 *
 * @throws CoreError `store-corrupt` that names the offset
 */
export function parseManifest(bytes: Uint8Array): Map<number, number> {
  const tables = new Map<number, number>();
  for (const { offset, record } of records(bytes)) {
    try {
      applyEdit(record, tables);
    } catch (cause) {
      throw new CoreError('store-corrupt', `the record at offset ${offset}: ${(cause as Error).message}`, { cause });
    }
  }
  return tables;
}

function* records(bytes: Uint8Array): Generator<{ offset: number; record: Uint8Array }> {
  let fragments: Uint8Array[] = [];
  for (let block = 0; block < bytes.length; block += BLOCK_SIZE) {
    const blockEnd = Math.min(block + BLOCK_SIZE, bytes.length);
    for (let at = block; at + HEADER_SIZE <= blockEnd; ) {
      const header = new LevelReader(bytes.subarray(at, at + HEADER_SIZE));
      const checksum = unmaskChecksum(header.integer(4));
      const length = header.integer(2);
      const type = header.byte();
      const offset = at;
      at += HEADER_SIZE + length;
      if (at > blockEnd && blockEnd === bytes.length) return;
      // Space that the file system gave and nobody wrote to.
      if (type === 0 && length === 0) break;
      if (at > blockEnd || crc32c(bytes.subarray(offset + 6, at)) !== checksum) {
        throw new CoreError('store-corrupt', `the record at offset ${offset} does not have its checksum`);
      }
      if (type === FULL || type === FIRST) fragments = [];
      fragments.push(bytes.subarray(offset + HEADER_SIZE, at));
      if (type === FULL || type === LAST) yield { offset, record: Buffer.concat(fragments) };
    }
  }
}

function applyEdit(record: Uint8Array, tables: Map<number, number>): void {
  const reader = new LevelReader(record);
  const skipBytes = (): unknown => reader.bytes(reader.varint());
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    switch (tag) {
      case 1: // the comparator's name
        skipBytes();
        break;
      case 2: // numbers of the journal, the next file and the last write, and of the journal before
      case 3:
      case 4:
      case 9:
        reader.varint();
        break;
      case 5: // level and key where the next compaction begins
        reader.varint();
        skipBytes();
        break;
      case 6: // level and number of a table that was removed
        reader.varint();
        tables.delete(reader.varint());
        break;
      case 7: {
        // level, number, size, smallest and largest key of a table that was added
        reader.varint();
        const number = reader.varint();
        tables.set(number, reader.varint());
        skipBytes();
        skipBytes();
        break;
      }
      default:
        throw new CoreError('store-corrupt', `a version edit has the unknown tag ${tag}`);
    }
  }
}
