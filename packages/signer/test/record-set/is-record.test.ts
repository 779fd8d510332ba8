import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRecord, type RecordFormat } from '../../src/index.ts';
import { MAX_RECORD_SIZE } from '../../src/node.ts';
import { recordLines } from '../../src/record-set/record-lines.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** The records of one file. */
async function recordsIn(content: string, format: RecordFormat): Promise<string[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes(content);
  }
  async function* sources(): AsyncGenerator<{ name: string; chunks: AsyncIterable<Uint8Array> }> {
    yield { name: 'rules', chunks: chunks() };
  }
  const records: string[] = [];
  for await (const record of recordLines(sources(), format)) records.push(Buffer.from(record).toString('latin1'));
  return records;
}

describe('what a format can have as a record', () => {
  test('is what its reader makes of a line of that', async () => {
    const record = fc.string({ unit: fc.constantFrom('a', '#', ' ', '\t', '\r', '\n', '\xff'), maxLength: 6 });
    const comment = fc.constantFrom(undefined, '#', '##', 'a');
    await fc.assert(
      fc.asyncProperty(record, comment, fc.boolean(), async (text, prefix, skipBlank) => {
        const format: RecordFormat = {
          reader: 'lines',
          ...(prefix !== undefined && { comment: prefix }),
          ...(skipBlank && { skipBlank }),
        };
        const found = await recordsIn(`${text}\r\n`, format);
        expect(isRecord(bytes(text), format)).toBe(found.length === 1 && found[0] === text);
      }),
    );
  });

  test('is not a line that a comment keeps out, whatever else it says', () => {
    const rule = bytes('alert tcp any any -> any 445');
    expect(isRecord(rule, { reader: 'lines' })).toBe(true);
    for (const reader of ['lines', 'cvd'] as const) expect(isRecord(rule, { reader, comment: 'alert' })).toBe(false);
    expect(isRecord(bytes('  alert'), { reader: 'lines', comment: 'alert' })).toBe(false);
    expect(isRecord(bytes('# alert'), { reader: 'lines', comment: 'alert' })).toBe(true);
  });

  test('is not empty, not two lines, not blank where the format says so, and not too long', () => {
    const lines: RecordFormat = { reader: 'lines' };
    expect(isRecord(bytes(''), lines)).toBe(false);
    expect(isRecord(bytes('a\nb'), lines)).toBe(false);
    expect(isRecord(bytes(' '), lines)).toBe(true);
    expect(isRecord(bytes(' '), { ...lines, skipBlank: true })).toBe(false);
    expect(isRecord(new Uint8Array(MAX_RECORD_SIZE).fill(0x61), lines)).toBe(true);
    expect(isRecord(new Uint8Array(MAX_RECORD_SIZE + 1).fill(0x61), lines)).toBe(false);
  });

  test('is refused for a format that there is not', () => {
    expect(() => isRecord(bytes('a'), { reader: 'lines', comment: ' ' })).toThrow(RangeError);
  });
});
