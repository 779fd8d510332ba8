import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { openStatement } from '../../src/statement/open-statement.ts';
import { parseStatement } from '../../src/statement/parse-statement.ts';
import { streamOf } from '../../src/statement/payload-types.ts';
import { EXAMPLES, ORIGIN, statementOf } from './examples.ts';

const directory = new URL('../testdata/', import.meta.url);
const fileOf = (name: string): URL => new URL(`${name}.cose`, directory);

// What others test their readers with: bytes as hex.
const described = `${JSON.stringify(
  EXAMPLES.map(({ name, key: { vkey }, issuedAt, payload: { type, ...payload } }) => ({
    file: `${name}.cose`,
    type,
    issuer: vkey.keyName,
    keyId: vkey.keyId,
    publicKey: vkey.publicKey,
    audience: ORIGIN,
    stream: streamOf({ type, ...payload } as never, ORIGIN),
    issuedAt,
    payload,
  })),
  (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value),
  2,
)}\n`;

if (process.env['UPDATE_TESTDATA'] !== undefined) {
  await mkdir(directory, { recursive: true });
  for (const example of EXAMPLES) await writeFile(fileOf(example.name), await statementOf(example));
  await writeFile(new URL('statements.json', directory), described);
}

describe('the committed statements', () => {
  test.each(EXAMPLES)('$name is opened, says what it should, and is made again byte for byte', async (example) => {
    const { name, key, issuedAt, payload } = example;
    const bytes = new Uint8Array(await readFile(fileOf(name)));
    const { keyName: issuer, keyId } = key.vkey;
    const statement = { issuer, keyId, audience: ORIGIN, issuedAt, stream: streamOf(payload, ORIGIN), payload };
    expect(parseStatement(bytes)).toEqual(statement);
    expect(openStatement(bytes, [key.vkey])).toEqual({ ...statement, key: key.vkey });
    expect(await statementOf(example)).toEqual(bytes);
  });

  test('are all there are, and are described as they are', async () => {
    const files = (await readdir(directory)).filter((name) => name.endsWith('.cose')).sort();
    expect(files).toEqual(EXAMPLES.map(({ name }) => `${name}.cose`).sort());
    expect(await readFile(new URL('statements.json', directory), 'utf8')).toBe(described);
  });
});
