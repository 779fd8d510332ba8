import { createHash, createPublicKey, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { formatTlogProof, type PrivateKey } from '@vitrine/core';
import { ReferenceTree } from '@vitrine/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { transparent } from './receipts.ts';
import { build, database, LOG_KEY, ORIGIN, source, VENDOR, WITNESSES, World } from './world.ts';

// What others do with a proof of logging: with an independent COSE library, the Ed25519 of Node, and the reference tree, whose
// path is the one that a right proof has. Nothing here reads a proof with the code under test.

const require = createRequire(import.meta.url);
const { Sign1 } = require('@auth0/cose') as typeof import('@auth0/cose');
// It knows Ed25519 by its older number only, -8: for the tests, -19 is the same to it. The table is not exported.
const headers = join(dirname(require.resolve('@auth0/cose')), 'headers.js');
(require(headers) as { AlgorithmNames: Map<number, string> }).AlgorithmNames.set(-19, 'EdDSA');

const publicKeyOf = ({ vkey }: PrivateKey) =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(vkey.publicKey).toString('base64url') },
    format: 'jwk',
  });

let world: World;
let entries: Uint8Array[];
let tree: ReferenceTree;
beforeAll(async () => {
  world = await World.create();
  const { leafHash } = await world.say(source());
  await world.say(build({ 'tool.tgz': 'tool' }, { of: leafHash }));
  for (let n = 1; n <= 5; n++) await world.say(database(n, `${n}`));
  await world.review(leafHash, 'reviewed');
  entries = await Promise.all(Array.from({ length: world.log.size }, (_, i) => world.log.entry(i)));
  tree = new ReferenceTree(entries);
});

const STATEMENTS = [
  [0, 'tool'],
  [2, 'tool/stable'],
  [4, 'daily'],
  [12, 'daily'],
] as const;

describe('by code that shares nothing with ours, is checked', () => {
  test.each(STATEMENTS)('the receipt of leaf %i', async (leaf, stream) => {
    const bytes = await transparent(world, leaf);
    const statement = Sign1.decode(bytes.slice()) as unknown as Decoded;
    await statement.verify(publicKeyOf(VENDOR));

    const [encoded, ...others] = statement.unprotectedHeaders.get(394) as Uint8Array[];
    expect(others).toEqual([]);
    const receipt = Sign1.decode(Uint8Array.from(encoded!)) as unknown as Decoded;
    expect([...receipt.protectedHeaders]).toEqual([
      [1, -19],
      [4, expect.anything()],
      [
        15,
        new Map([
          [1, ORIGIN],
          [2, stream],
        ]),
      ],
      [395, 1],
    ]);
    expect(receipt.payload).toBeNull();
    const proofs = (receipt.unprotectedHeaders.get(396) as Map<number, Uint8Array[]>).get(-1)!;
    expect(proofs).toHaveLength(1);
    const [size, index, path] = decodeInclusion(proofs[0]!);
    expect([size, index]).toEqual([entries.length, leaf]);
    expect(path).toEqual(tree.path(leaf, 0, entries.length));

    Object.assign(receipt, { payload: tree.root(entries.length) });
    await receipt.verify(publicKeyOf(LOG_KEY));
    Object.assign(receipt, { payload: tree.root(entries.length - 1) });
    await expect(receipt.verify(publicKeyOf(LOG_KEY))).rejects.toThrow();
  });

  test.each(STATEMENTS)('the tlog-proof of leaf %i', async (leaf) => {
    const { size, note } = await world.checkpoint([[WITNESSES[0], 1_800_000_000]]);
    const { proof } = await world.log.proveInclusion(leaf, size);
    const extra = entries[leaf]!;
    const text = Buffer.from(formatTlogProof({ extra, index: leaf, proof, checkpoint: note })).toString();

    const [head, checkpoint] = splitOnce(text, '\n\n');
    const [version, extraLine, indexLine, ...hashes] = head.split('\n');
    expect([version, indexLine]).toEqual(['c2sp.org/tlog-proof@v1', `index ${leaf}`]);
    expect(Buffer.from(extraLine!.replace(/^extra /, ''), 'base64')).toEqual(Buffer.from(extra));
    const [body, signatures] = splitOnce(checkpoint, '\n\n');
    const [origin, treeSize, root] = body.split('\n');
    expect([origin, treeSize]).toEqual([ORIGIN, `${entries.length}`]);
    expect(root).toBe(Buffer.from(tree.root(entries.length)).toString('base64'));
    expect(hashes.map((line) => Uint8Array.from(Buffer.from(line, 'base64')))).toEqual(
      tree.path(leaf, 0, entries.length),
    );
    const line = signatures.split('\n').find((one) => one.startsWith(`— ${ORIGIN} `))!;
    const signature = Buffer.from(line.split(' ')[2]!, 'base64');
    const { publicKey } = LOG_KEY.vkey;
    const keyId = createHash('sha256').update(`${ORIGIN}\n\x01`).update(publicKey).digest().subarray(0, 4);
    expect(signature.subarray(0, 4)).toEqual(keyId);
    expect(verify(null, Buffer.from(`${body}\n`), publicKeyOf(LOG_KEY), signature.subarray(4))).toBe(true);
  });
});

interface Decoded {
  readonly protectedHeaders: Map<number, unknown>;
  readonly unprotectedHeaders: Map<number, unknown>;
  readonly payload: Uint8Array | null;
  verify(key: ReturnType<typeof createPublicKey>): Promise<void>;
}

function splitOnce(text: string, at: string): [string, string] {
  const found = text.indexOf(at);
  return [text.slice(0, found), text.slice(found + at.length)];
}

/** `[size, index, [hash, ...]]` with short numbers, byte by byte. */
function decodeInclusion(bytes: Uint8Array): [number, number, Uint8Array[]] {
  const [array, size, index, list, ...rest] = bytes;
  expect(array).toBe(0x83);
  expect(size).toBeLessThan(24);
  expect(index).toBeLessThan(24);
  const count = list! - 0x80;
  expect(rest).toHaveLength(count * 34);
  const path = Array.from({ length: count }, (_, i) => {
    expect(rest.slice(i * 34, i * 34 + 2)).toEqual([0x58, 32]);
    return Uint8Array.from(rest.slice(i * 34 + 2, i * 34 + 34));
  });
  return [size!, index!, path];
}
