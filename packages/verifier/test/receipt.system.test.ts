import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { encodeCbor, type PrivateKey } from '@vitrine/core';
import { Place } from '@vitrine/core/schema';
import { formatSign1, parseSign1 } from '@vitrine/signer';
import { CddlValidators, PythonEnvironment } from '@vitrine/testkit';
import { expect, test } from 'vitest';
import { formatReceipt } from '../src/receipt/receipt.ts';
import { parseTransparentStatement } from '../src/receipt/transparent-statement.ts';
import { receiptFor, transparent } from './receipts.ts';
import { build, database, LOG_KEY, ORIGIN, source, VENDOR, World } from './world.ts';

const anywhere = new Place((message) => new Error(message), 'receipt');

const pem = ({ vkey }: PrivateKey): string =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(vkey.publicKey).toString('base64url') },
    format: 'jwk',
  }).export({ type: 'spki', format: 'pem' }) as string;

test('a library of SCITT for Python verifies our statements with receipts, and refuses what we refuse', async () => {
  const world = await World.create();
  const { leafHash, leaf: first } = await world.say(source());
  const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: leafHash }));
  for (let n = 1; n <= 40; n++) await world.say(database(n, `${n}`));
  const size = world.log.size;
  const leaves = [first, leaf, 4, size - 2];
  const honest = await Promise.all(leaves.map((at) => transparent(world, at)));
  const receipt = await receiptFor(world, leaf);
  const { path } = receipt.proof;
  const wrong = [
    { ...receipt, signature: receipt.signature.with(0, receipt.signature[0]! ^ 1) },
    { ...receipt, proof: { ...receipt.proof, path: path.slice(1) } },
    { ...receipt, stream: 'daily' },
    await receiptFor(world, 4),
  ];
  const forged = await Promise.all(wrong.map((one) => transparent(world, leaf, [one])));

  using python = new PythonEnvironment(['scitt-cose==0.5.0']);
  const lines = [...honest, ...forged].map((bytes) => ({
    hex: Buffer.from(bytes).toString('hex'),
    logKey: pem(LOG_KEY),
    issuerKey: pem(VENDOR),
  }));
  const verdicts = python.run(join(import.meta.dirname, 'check-receipts.py'), [], lines);
  expect(verdicts.slice(0, honest.length)).toEqual(
    honest.map((bytes, i) => ({
      statement: true,
      receipts: [
        {
          ok: true,
          size,
          index: leaves[i],
          iss: ORIGIN,
          sub: parseTransparentStatement(bytes).receipts[0]!.stream,
          errors: [],
        },
      ],
    })),
  );
  expect(verdicts.slice(honest.length)).toEqual(
    forged.map(() => expect.objectContaining({ statement: true, receipts: [expect.objectContaining({ ok: false })] })),
  );
}, 300_000);

test('docs/receipt.cddl describes them', async () => {
  const world = await World.create();
  const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }));
  await world.say(database(1, 'one'));
  const receipt = await receiptFor(world, leaf);
  const statement = await transparent(world, leaf, [receipt, receipt]);
  const header = encodeCbor(new Map<number, number>([[1, -19]]));
  const other = { protectedHeader: header, unprotectedHeader: new Map(), payload: null, signature: new Uint8Array(64) };
  using validators = new CddlValidators(new URL('../../../docs/receipt.cddl', import.meta.url).pathname);
  const verdicts = validators.check([
    ['transparent-statement', statement],
    ['receipt', formatReceipt(receipt)],
    ['transparent-statement', await world.log.entry(leaf)],
    ['receipt', statement],
    ['receipt', formatSign1(other)],
  ]);
  // pycddl does not follow `.cbor` in an array, so it gets the parts.
  expect(verdicts.map((verdict) => verdict['cddl-verifier'])).toEqual([true, true, false, false, false]);
  const { protectedHeader, unprotectedHeader } = parseSign1(formatReceipt(receipt), anywhere);
  const [inclusion] = (unprotectedHeader.get(396) as Map<number, Uint8Array[]>).get(-1)!;
  const parts = validators.check([
    ['receipt-header', protectedHeader],
    ['proofs', encodeCbor(unprotectedHeader)],
    ['inclusion', inclusion!],
    ['receipt-header', header],
    ['inclusion', encodeCbor([1, 0, []])],
  ]);
  expect(parts).toEqual([true, true, true, false, false].map((yes) => ({ 'cddl-verifier': yes, pycddl: yes })));
}, 300_000);
