import type { VerifierKey } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { SignerError } from '../../src/error.ts';
import { openStatement } from '../../src/statement/open-statement.ts';
import { EXAMPLES, statementOf, VENDOR } from './examples.ts';

const statement = await statementOf(EXAMPLES[0]!);

/** The code with which a statement is refused. */
function codeOf(bytes: Uint8Array, key: VerifierKey): string {
  try {
    openStatement(bytes, [key]);
  } catch (error) {
    if (error instanceof SignerError) return error.code;
    throw error;
  }
  return 'accepted';
}

/** All bits, one bit at either end, and a few between. */
const MASKS = [0xff, 0x01, 0x80, 0x20, 0x42];

describe('one byte changed anywhere in a statement is refused:', () => {
  test.each(EXAMPLES)('$name', async (changed) => {
    const bytes = await statementOf(changed);
    const codes = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of MASKS) {
        const other = bytes.slice();
        other[at]! ^= mask;
        codes.add(codeOf(other, changed.key.vkey));
      }
    }
    expect([...codes].filter((code) => !code.startsWith('statement-'))).toEqual([]);
    // What changes the meaning only is left to the signature.
    expect(codes).toContain('statement-signature');
    expect(codes).toContain('statement-malformed');
    expect(codes).toContain('statement-key');
  });

  test('a byte left out, or one more', () => {
    for (let at = 0; at < statement.length; at++) {
      const shorter = Uint8Array.of(...statement.subarray(0, at), ...statement.subarray(at + 1));
      const longer = Uint8Array.of(...statement.subarray(0, at), 0, ...statement.subarray(at));
      for (const other of [shorter, longer, statement.subarray(0, at)]) {
        expect(codeOf(other, VENDOR.vkey)).toMatch(/^statement-/);
      }
    }
  });
});
