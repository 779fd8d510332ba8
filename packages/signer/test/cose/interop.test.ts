import { createPrivateKey, createPublicKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStatement } from '../../src/statement/open-statement.ts';
import { EXAMPLES, statementOf, type VENDOR } from '../statement/examples.ts';

const require = createRequire(import.meta.url);
const { Sign1, ProtectedHeaders, UnprotectedHeaders } = require('@auth0/cose') as typeof import('@auth0/cose');

// It knows Ed25519 by its older number only, -8: for the tests, -19 is the same to it. The table is not exported.
const headers = join(dirname(require.resolve('@auth0/cose')), 'headers.js');
(require(headers) as { AlgorithmNames: Map<number, string> }).AlgorithmNames.set(-19, 'EdDSA');

const jwkOf = ({ vkey, seed }: typeof VENDOR) => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x: Buffer.from(vkey.publicKey).toString('base64url'),
  d: Buffer.from(seed).toString('base64url'),
});

describe('an independent COSE library', () => {
  // The decoder leaves a property on what it is given: it gets copies.
  test.each(EXAMPLES)('reads and verifies our statement $name', async (example) => {
    const statement = await statementOf(example);
    const sign1 = Sign1.decode(statement.slice());
    const { d: _, ...publicJwk } = jwkOf(example.key);
    await sign1.verify(createPublicKey({ key: publicJwk, format: 'jwk' }));
    const { protectedHeaders } = sign1 as unknown as { protectedHeaders: Map<number, unknown> };
    expect(sign1.alg).toBe(-19);
    expect(protectedHeaders.get(3)).toBe(`application/vnd.vitrine.${example.payload.type}.v1+cbor`);
    expect([...protectedHeaders.keys()]).toEqual([1, 3, 4, 15]);
    expect((protectedHeaders.get(15) as Map<number, unknown>).get(1)).toBe(example.key.vkey.keyName);

    Object.assign(sign1, { payload: Uint8Array.of(...sign1.payload, 0) });
    await expect(sign1.verify(createPublicKey({ key: publicJwk, format: 'jwk' }))).rejects.toThrow();
  });

  test.each(EXAMPLES)('makes the statement $name of the same header and payload, and it is ours', async (example) => {
    const statement = await statementOf(example);
    const { protectedHeaders, payload } = Sign1.decode(statement.slice()) as unknown as {
      protectedHeaders: Map<number, never>;
      payload: Uint8Array;
    };
    const theirs = await Sign1.sign(
      new ProtectedHeaders([...protectedHeaders]),
      new UnprotectedHeaders([]),
      payload,
      createPrivateKey({ key: jwkOf(example.key), format: 'jwk' }),
    );
    const bytes = new Uint8Array(theirs.encode());
    expect(openStatement(bytes, [example.key.vkey]).payload).toEqual(example.payload);
    expect(bytes).toEqual(statement);
  });
});
