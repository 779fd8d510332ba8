import { ed25519Signer } from '@vitrine/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSign1, parseSign1 } from '../../src/cose/sign1.ts';
import { SignerError } from '../../src/error.ts';
import { placeOf } from '../../src/place.ts';
import { openStatement } from '../../src/statement/open-statement.ts';
import { parseStatement } from '../../src/statement/parse-statement.ts';
import { streamOf } from '../../src/statement/payload-types.ts';
import { signStatement } from '../../src/statement/sign-statement.ts';
import type { Statement } from '../../src/statement/statement.ts';
import { mutations, payload, RUNS } from './arbitraries.ts';
import { EXAMPLES, statementOf, VENDOR } from './examples.ts';
import { forge, partsOf } from './forge.ts';

const readSign1 = (bytes: Uint8Array) => parseSign1(bytes, placeOf('statement-malformed', 'structure'));

const statements = await Promise.all(EXAMPLES.map(statementOf));

/** What `parse` makes of `input`; `undefined` if it refuses it with a SignerError, which is the only way. */
function parsed<T>(parse: (input: Uint8Array) => T, input: Uint8Array): T | undefined {
  try {
    return parse(input);
  } catch (error) {
    if (error instanceof SignerError) return undefined;
    throw error;
  }
}

/** The same content and signature again: there is one way to write a statement. */
async function written(statement: Statement, from: Uint8Array): Promise<Uint8Array> {
  const { issuer: keyName, keyId, audience, issuedAt } = statement;
  const signer = { keyName, keyId, sign: () => readSign1(from).signature };
  return signStatement(statement.payload, { signer, audience, issuedAt });
}

describe('statements', () => {
  it('of any valid payload are read as they were signed', async () => {
    await fc.assert(
      fc.asyncProperty(
        payload,
        fc.stringMatching(/^[!-~]{1,40}$/),
        fc.maxSafeNat(),
        async (said, audience, issuedAt) => {
          const bytes = await signStatement(said, { signer: ed25519Signer(VENDOR), audience, issuedAt });
          const { keyName: issuer, keyId } = VENDOR.vkey;
          const stream = streamOf(said, audience);
          const expected = { issuer, keyId, audience, issuedAt, stream, payload: said };
          expect(openStatement(bytes, [VENDOR.vkey])).toEqual({ ...expected, key: VENDOR.vkey });
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('that were changed are refused cleanly, or written again in the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(mutations(statements), async (bytes) => {
        const statement = parsed(parseStatement, bytes);
        if (statement !== undefined) expect(await written(statement, bytes)).toEqual(bytes);
      }),
      { numRuns: RUNS },
    );
  });

  it('whose header or payload was changed before they were signed are refused cleanly, or written again in the same bytes', async () => {
    const parts = statements.map(partsOf);
    const change = fc.oneof(
      mutations(parts.map(({ header }) => header)).map((header) => ({ header })),
      mutations(parts.map(({ payload }) => payload)).map((payload) => ({ payload })),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...parts), change, async (original, changes) => {
        const bytes = await forge({ ...original, ...changes }, VENDOR);
        const statement = parsed((input) => openStatement(input, [VENDOR.vkey]), bytes);
        if (statement !== undefined) expect(await written(statement, bytes)).toEqual(bytes);
      }),
      { numRuns: RUNS },
    );
  });

  it('that were changed are refused when they are opened', () => {
    fc.assert(
      fc.property(mutations(statements), (bytes) => {
        const keys = EXAMPLES.map(({ key }) => key.vkey);
        if (parsed((input) => openStatement(input, keys), bytes) !== undefined) {
          expect(statements).toContainEqual(bytes);
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe('COSE_Sign1 structures', () => {
  it('that were changed are refused cleanly, or written again in the same bytes', () => {
    fc.assert(
      fc.property(mutations(statements), (bytes) => {
        const sign1 = parsed(readSign1, bytes);
        if (sign1 !== undefined) expect(formatSign1(sign1)).toEqual(bytes);
      }),
      { numRuns: RUNS },
    );
  });
});
