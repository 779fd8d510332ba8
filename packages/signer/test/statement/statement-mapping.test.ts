import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519Signer, equalBytes, privateKeyFromSeed } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { parseStatement } from '../../src/statement/parse-statement.ts';
import { signStatement } from '../../src/statement/sign-statement.ts';
import { statementMapping } from '../../src/statement/statement-mapping.ts';

const DIRECTORY = join(import.meta.dirname, '..', 'testdata');
const EXAMPLES = readdirSync(DIRECTORY).filter((name) => name.endsWith('.cose'));
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(DIRECTORY, name)));

describe('the mapping of statements', () => {
  test.each(EXAMPLES)('puts %s where its type belongs', (name) => {
    const entry = read(name);
    const { payload, issuer, stream } = parseStatement(entry);
    const { type } = payload;
    if (type === 'review' || type === 'withdrawal') {
      expect(statementMapping(entry)).toEqual({ kind: 'subject', subject: payload.subject, word: { issuer, type } });
    } else expect(statementMapping(entry)).toEqual({ kind: 'stream', stream: { type, issuer, stream } });
  });

  test('looks at no signature, no audience and no time', async () => {
    const signer = ed25519Signer(privateKeyFromSeed('acme.example', 0x01, new Uint8Array(32).fill(5)));
    const payload = {
      type: 'handling',
      category: 'samples',
      site: 'x',
      period: { from: 1, to: 2 },
      commitment: new Uint8Array(32),
    } as const;
    const entries = await Promise.all([
      signStatement(payload, { signer, audience: 'log.example/a', issuedAt: 1 }),
      signStatement(payload, { signer, audience: 'log.example/b', issuedAt: 2 }),
    ]);
    entries.push(entries[0]!.with(entries[0]!.length - 1, entries[0]!.at(-1)! ^ 1));
    const stream = { type: 'handling', issuer: 'acme.example', stream: 'samples' };
    for (const entry of entries) expect(statementMapping(entry)).toEqual({ kind: 'stream', stream });
  });

  test('leaves out what is no statement, and what is one in another encoding or of a later version', () => {
    const entry = read(EXAMPLES[0]!);
    const later = Buffer.from(Buffer.from(entry).toString('latin1').replace('.v1+cbor', '.v2+cbor'), 'latin1');
    expect(equalBytes(entry, later)).toBe(false);
    for (const other of [
      new Uint8Array(later),
      new Uint8Array([...entry, 0]),
      entry.slice(1),
      Uint8Array.of(0),
      new TextEncoder().encode('{}'),
    ]) {
      expect(statementMapping(other)).toBeUndefined();
    }
  });

  test('leaves the entry as it was', () => {
    const entry = read(EXAMPLES[0]!);
    const before = entry.slice();
    statementMapping(entry);
    expect(entry).toEqual(before);
    expect(Object.keys(entry)).toHaveLength(before.length);
  });
});
