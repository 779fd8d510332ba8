import {
  ed25519Signer,
  encodeCbor,
  formatVkey,
  type PrivateKey,
  parsePolicy,
  privateKeyFromSeed,
  sha256,
} from '@vitrine/core';
import { formatSign1, parseStatement, sigStructure } from '@vitrine/signer';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  formatReceipt,
  MAX_RECEIPT_SIZE,
  parseReceipt,
  type Receipt,
  receiptToBeSigned,
} from '../src/receipt/receipt.ts';
import { signReceipt } from '../src/receipt/sign-receipt.ts';
import {
  hasReceipts,
  MAX_TRANSPARENT_STATEMENT_SIZE,
  parseTransparentStatement,
} from '../src/receipt/transparent-statement.ts';
import { verifyReceipts } from '../src/receipt/verify-receipts.ts';
import { Refusal, type RefusalCode } from '../src/refusal.ts';
import { receiptFor, transparent } from './receipts.ts';
import { build, database, LOG_KEY, ORIGIN, source, utf8, VENDOR, WITNESSES, World } from './world.ts';

const policyOf = (...lines: readonly string[]) => parsePolicy(utf8(`${lines.join('\n')}\n`));
const LOG_LINE = `log ${formatVkey(LOG_KEY.vkey)}`;
const POLICY = policyOf(LOG_LINE, 'quorum none');
const OTHER_LOG: PrivateKey = privateKeyFromSeed('other.example/log', 0x01, new Uint8Array(32).fill(20));
const NEXT_LOG_KEY: PrivateKey = privateKeyFromSeed(ORIGIN, 0x01, new Uint8Array(32).fill(21));

let world: World;
let leaf: number;
let receipt: Receipt;
beforeAll(async () => {
  world = await World.create();
  await world.say(source());
  ({ leaf } = await world.say(build({ 'tool.tgz': 'tool' })));
  await world.say(database(1, 'one'));
  await world.say(database(2, 'two'));
  receipt = await receiptFor(world, leaf);
});

const refusal = (code: RefusalCode) => expect.objectContaining({ name: 'Refusal', code });

describe('a statement with a receipt', () => {
  test('verifies under a policy with the log, and gives the statement as it was logged', async () => {
    const { entry, statement, receipts } = verifyReceipts(await transparent(world, leaf), POLICY);
    expect(entry).toEqual(await world.log.entry(leaf));
    expect(statement).toEqual(parseStatement(entry));
    const { size, root } = world.log.checkpoint();
    expect(receipts).toEqual([{ origin: ORIGIN, key: LOG_KEY.vkey, root, size, index: leaf }]);
  });

  test('verifies with an old key of the log too, and by each receipt that the policy has a key for', async () => {
    const policy = policyOf(`log ${formatVkey(NEXT_LOG_KEY.vkey)}`, LOG_LINE, 'quorum none');
    const bytes = await transparent(world, leaf, [receipt, await receiptFor(world, leaf, NEXT_LOG_KEY)]);
    expect(verifyReceipts(bytes, policy).receipts.map(({ key }) => key)).toEqual([LOG_KEY.vkey, NEXT_LOG_KEY.vkey]);
    expect(verifyReceipts(bytes, POLICY).receipts.map(({ key }) => key)).toEqual([LOG_KEY.vkey]);
  });

  test('is told apart from a statement without, and from anything else', async () => {
    expect(hasReceipts(await transparent(world, leaf))).toBe(true);
    expect(hasReceipts(await world.log.entry(leaf))).toBe(false);
    expect(hasReceipts(await world.bundle(leaf))).toBe(false);
  });

  test('is no entry of a log', async () => {
    const bytes = await transparent(world, leaf);
    expect(() => parseStatement(bytes)).toThrow(expect.objectContaining({ code: 'statement-malformed' }));
  });

  test('verifies with a byte changed only where nothing that was signed is', async () => {
    const bytes = await transparent(world, leaf);
    const honest = verifyReceipts(bytes, POLICY);
    const passed: number[] = [];
    for (let i = 0; i < bytes.length; i++) {
      const other = bytes.slice();
      other[i]! ^= 1;
      try {
        const { statement, receipts } = verifyReceipts(other, POLICY);
        expect({ statement, root: receipts[0]!.root }).toEqual({
          statement: honest.statement,
          root: honest.receipts[0]!.root,
        });
        passed.push(i);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
      }
    }
    // The tree size: a bare root does not bind it. Index and path are bound by it here.
    expect(passed.length).toBeLessThanOrEqual(1);
  });
});

describe('a receipt', () => {
  test('is read as it was written', () => {
    expect(parseReceipt(formatReceipt(receipt))).toEqual(receipt);
  });

  test('is not signed for a statement that is not there, nor over another root', async () => {
    const { size, root } = world.log.checkpoint();
    const { proof } = await world.log.proveInclusion(leaf, size);
    const entry = await world.log.entry(leaf);
    const sign = (change: object, of = entry) =>
      signReceipt({
        entry: of,
        inclusion: { index: leaf, size, proof, root, ...change },
        signer: { ...ed25519Signer(LOG_KEY), sign: () => expect.unreachable('signed') },
      });
    await expect(sign({ root: sha256(utf8('other')) })).rejects.toThrow(
      expect.objectContaining({ code: 'proof-mismatch' }),
    );
    await expect(sign({ index: leaf + 1 })).rejects.toThrow(expect.objectContaining({ name: 'ProofError' }));
    await expect(sign({}, await world.log.entry(0))).rejects.toThrow(
      expect.objectContaining({ code: 'proof-mismatch' }),
    );
  });

  test('is not signed for an entry that is no statement: its index entry for instance', async () => {
    await expect(receiptFor(world, 1)).rejects.toThrow(expect.objectContaining({ code: 'statement-malformed' }));
  });

  test.each([
    ['the only leaf of a tree', { proof: { size: 1, index: 0, path: [] } }],
    ['64 hashes', { proof: { size: 2, index: 0, path: Array(64).fill(new Uint8Array(32)) } }],
    ['a hash of 31 bytes', { proof: { size: 2, index: 0, path: [new Uint8Array(31)] } }],
    ['a tree of no leaves', { proof: { size: 0, index: 0, path: [new Uint8Array(32)] } }],
    ['a signature of 63 bytes', { signature: new Uint8Array(63) }],
    ['a stream that fills it', { stream: 'x'.repeat(MAX_RECEIPT_SIZE) }],
  ])('of %s is not written', (_, change) => {
    expect(() => formatReceipt({ ...receipt, ...change })).toThrow(refusal('receipt-malformed'));
  });

  const header = (entries: readonly (readonly [number, unknown])[]) =>
    encodeCbor(
      new Map<number, never>([
        [1, -19],
        [4, Uint8Array.of(1, 2, 3, 4)],
        [15, new Map<number, never>([[1, ORIGIN] as [number, never], [2, 'tool/stable'] as [number, never]])],
        [395, 1],
        ...entries,
      ] as [number, never][]),
    );
  const proofs = (...list: readonly Uint8Array[]) =>
    new Map<number, never>([[396, new Map([[-1, list]])] as unknown as [number, never]]);
  const proof = encodeCbor([2, 0, [new Uint8Array(32)]]);
  const parts = {
    protectedHeader: header([]),
    unprotectedHeader: proofs(proof),
    payload: null,
    signature: new Uint8Array(64),
  };

  test('of other people is read if it is of this form', () => {
    expect(parseReceipt(formatSign1(parts)).proof).toEqual({ size: 2, index: 0, path: [new Uint8Array(32)] });
  });

  test.each([
    ['an attached payload', { payload: new Uint8Array(32) }],
    ['another algorithm', { protectedHeader: header([[1, -8]]) }],
    ['another structure', { protectedHeader: header([[395, 2]]) }],
    ['something else in the protected header', { protectedHeader: header([[2, [395]]]) }],
    ['its proofs in the protected header', { protectedHeader: header([[396, 1]]) }],
    ['something else in the unprotected header', { unprotectedHeader: new Map([...parts.unprotectedHeader, [4, 1]]) }],
    ['no proof', { unprotectedHeader: proofs() }],
    ['two proofs', { unprotectedHeader: proofs(proof, proof) }],
    ['a proof that is not CBOR', { unprotectedHeader: proofs(Uint8Array.of(0xff)) }],
    ['an empty path', { unprotectedHeader: proofs(encodeCbor([1, 0, []])) }],
  ])('with %s is refused', (_, change) => {
    const bytes = formatSign1({ ...parts, ...(change as Partial<typeof parts>) });
    expect(() => parseReceipt(bytes)).toThrow(refusal('receipt-malformed'));
  });

  test('that is too large is refused before it is read, as is a statement with receipts', () => {
    const large = (size: number) => new Uint8Array(size + 1).fill(0xff);
    expect(() => parseReceipt(large(MAX_RECEIPT_SIZE))).toThrow(/has at most/);
    expect(() => parseTransparentStatement(large(MAX_TRANSPARENT_STATEMENT_SIZE))).toThrow(/has at most/);
  });
});

describe('refused is', () => {
  const verify = async (receipts: readonly Receipt[], policy = POLICY, at = leaf) =>
    verifyReceipts(await transparent(world, at, receipts), policy);

  test('a receipt under a policy that wants witnesses, which it does not carry', async () => {
    const witnessed = policyOf(LOG_LINE, `witness w ${formatVkey(WITNESSES[0].vkey)}`, 'quorum w');
    await expect(verify([receipt], witnessed)).rejects.toThrow(refusal('receipt-unwitnessed'));
  });

  test('a receipt by a log that the policy does not have, or by another key of its name', async () => {
    const other = policyOf(`log ${formatVkey(OTHER_LOG.vkey)}`, 'quorum none');
    await expect(verify([receipt], other)).rejects.toThrow(refusal('receipt-log'));
    await expect(verify([await receiptFor(world, leaf, NEXT_LOG_KEY)])).rejects.toThrow(refusal('receipt-log'));
  });

  test("a signature by another key under the log's name and key ID", async () => {
    const { size, root } = world.log.checkpoint();
    const inclusion = { ...(await world.log.proveInclusion(leaf, size)), root };
    const { keyName, keyId } = ed25519Signer(LOG_KEY);
    const signer = { ...ed25519Signer(VENDOR), keyName, keyId };
    const forged = await signReceipt({ entry: await world.log.entry(leaf), inclusion, signer });
    await expect(verify([forged])).rejects.toThrow(refusal('receipt-wrong'));
  });

  test('one good receipt beside a bad one of a known key', async () => {
    const bad = { ...receipt, signature: receipt.signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) };
    await expect(verify([receipt, bad])).rejects.toThrow(refusal('receipt-wrong'));
    await expect(verify([bad, receipt])).rejects.toThrow(refusal('receipt-wrong'));
  });

  test('the receipt of another leaf, of the same stream too', async () => {
    const one = await receiptFor(world, 4);
    expect(parseStatement(await world.log.entry(4)).stream).toBe('daily');
    await expect(verify([one], POLICY, 6)).rejects.toThrow(refusal('receipt-wrong'));
    await expect(verify([one], POLICY, leaf)).rejects.toThrow(refusal('receipt-other'));
  });

  test('a receipt whose proof leads to no tree', async () => {
    const { path, ...place } = receipt.proof;
    const wrong = [
      { ...place, path: path.slice(1) },
      { ...place, path: [...path, path[0]!] },
      { ...place, index: place.size, path },
      { ...place, path: path.with(0, sha256(utf8('other'))) },
    ];
    for (const proof of wrong) {
      await expect(verify([{ ...receipt, proof }])).rejects.toThrow(refusal('receipt-wrong'));
    }
  });

  test('a statement that is meant for another log than the one that gave the receipt', async () => {
    const elsewhere = await World.create({ logKey: OTHER_LOG });
    // The same statement, meant for the first log, in the second.
    const { leaf: at, entry } = await elsewhere.say(build({ 'tool.tgz': 'tool' }), VENDOR, ORIGIN);
    await expect(receiptFor(elsewhere, at, OTHER_LOG)).rejects.toThrow(refusal('statement-audience'));
    const { size, root } = elsewhere.log.checkpoint();
    const { proof: path } = await elsewhere.log.proveInclusion(at, size);
    const said = { origin: OTHER_LOG.vkey.keyName, stream: parseStatement(entry).stream, keyId: OTHER_LOG.vkey.keyId };
    const signature = await ed25519Signer(OTHER_LOG).sign(receiptToBeSigned(said, root));
    const bytes = await transparent(elsewhere, at, [{ ...said, proof: { size, index: at, path }, signature }]);
    const policy = policyOf(LOG_LINE, `log ${formatVkey(OTHER_LOG.vkey)}`, 'quorum none');
    expect(() => verifyReceipts(bytes, policy)).toThrow(refusal('statement-audience'));
  });

  test('a receipt about another stream than that of its statement, which its log signed', async () => {
    const { size, root } = world.log.checkpoint();
    const { proof: path } = await world.log.proveInclusion(leaf, size);
    const said = { origin: ORIGIN, stream: 'daily', keyId: LOG_KEY.vkey.keyId };
    const signature = await ed25519Signer(LOG_KEY).sign(receiptToBeSigned(said, root));
    const wrong = { ...said, proof: { size, index: leaf, path }, signature };
    await expect(verify([wrong])).rejects.toThrow(refusal('receipt-other'));
  });

  test("the log's signature of a checkpoint, or of a statement, in place of one of a root", async () => {
    const { root } = world.log.checkpoint();
    const asStatement = sigStructure({ protectedHeader: encodeCbor(new Map([[1, -19]])), payload: root });
    for (const message of [root, asStatement, utf8(`${ORIGIN}\n8\n`)]) {
      const signature = await ed25519Signer(LOG_KEY).sign(message);
      await expect(verify([{ ...receipt, signature }])).rejects.toThrow(refusal('receipt-wrong'));
    }
  });

  test('something that is no statement, with a receipt for what it is', async () => {
    const bytes = formatSign1({
      protectedHeader: encodeCbor(new Map([[1, -19]])),
      unprotectedHeader: new Map([[394, [formatReceipt(receipt)]]]),
      payload: utf8('x'),
      signature: new Uint8Array(64),
    });
    expect(() => verifyReceipts(bytes, POLICY)).toThrow(refusal('statement-unreadable'));
  });

  test('a statement without receipts, a receipt alone, and one with 17', async () => {
    const entry = await world.log.entry(leaf);
    for (const bytes of [entry, formatReceipt(receipt)]) {
      expect(() => verifyReceipts(bytes, POLICY)).toThrow(refusal('receipt-malformed'));
    }
    await expect(transparent(world, leaf, Array(17).fill(receipt))).rejects.toThrow(refusal('receipt-malformed'));
    await expect(transparent(world, leaf, [])).rejects.toThrow(refusal('receipt-malformed'));
  });
});
