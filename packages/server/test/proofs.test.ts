import {
  formatBase64,
  formatVkey,
  leafHash,
  parseAddCheckpoint,
  parsePolicy,
  parseTlogProof,
  verifyConsistency,
  verifyInclusion,
  verifyTlogProof,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { bytesOf, hex, LOG_KEY, refusalIn, ServedLog, utf8 } from './support/served-log.ts';

const JSON_ONLY = { accept: 'application/json' };
const hashOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

async function filled(count = 300): Promise<ServedLog> {
  const served = await ServedLog.create();
  await served.fill(count);
  return served;
}

describe('an inclusion proof', () => {
  test('is a tlog-proof for the published checkpoint, of an index or a leaf hash', async () => {
    const served = await filled();
    const policy = parsePolicy(utf8(`log ${formatVkey(LOG_KEY.vkey)}\nquorum none\n`));
    const hash = await served.log.leafHash(257);
    for (const query of ['index=257', `leaf-hash=${hex(hash)}`, 'index=257&size=300']) {
      const response = await served.get(`/proof/inclusion?${query}`);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      const proof = parseTlogProof(await bytesOf(response));
      expect(proof.index).toBe(257);
      expect(verifyTlogProof({ leafHash: hash, proof, policy }).checkpoint.size).toBe(300);
    }
  });

  test('is JSON for who accepts that, of any size', async () => {
    const served = await filled();
    for (const size of [1, 2, 256, 257, 299, 300]) {
      const response = await served.get(`/proof/inclusion?index=0&size=${size}`, JSON_ONLY);
      expect([response.headers.get('content-type'), response.headers.get('vary')]).toEqual([
        'application/json',
        'Accept',
      ]);
      const {
        leafHash: leaf,
        proof,
        root,
        ...rest
      } = (await response.json()) as Record<string, string> & { proof: string[] };
      expect(rest).toEqual({ origin: served.log.origin, index: 0, size });
      verifyInclusion({ index: 0, size, leafHash: hashOf(leaf!), root: hashOf(root!), proof: proof.map(hashOf) });
      expect(hashOf(leaf!)).toEqual(leafHash(await served.log.entry(0)));
    }
  });

  test.each([
    ['', [400, 'http-malformed']],
    ['index=1&leaf-hash=00', [400, 'http-malformed']],
    ['index=01', [400, 'number-malformed']],
    ['index=-1', [400, 'number-malformed']],
    ['index=9007199254740992', [400, 'number-malformed']],
    ['index=1&size=1e2', [400, 'number-malformed']],
    ['index=1&index=2', [400, 'http-malformed']],
    ['index=1&tree=2', [400, 'http-malformed']],
    [`leaf-hash=${'A'.repeat(64)}`, [400, 'http-malformed']],
    [`leaf-hash=${'0'.repeat(64)}`, [404, 'entry-missing']],
    ['index=300', [404, 'log-range']],
    ['index=5&size=5', [404, 'log-range']],
    ['index=5&size=301', [404, 'log-range']],
    ['index=5&size=299', [404, 'checkpoint-missing']],
  ])('is refused for "%s"', async (query, expected) => {
    expect(await refusalIn(await (await filled()).get(`/proof/inclusion?${query}`))).toEqual(expected);
  });

  test('is asked for by index in a log that allows duplicates', async () => {
    const served = await ServedLog.create({ duplicates: true });
    await served.fill(2);
    const query = `leaf-hash=${hex(await served.log.leafHash(1))}`;
    expect(await refusalIn(await served.get(`/proof/inclusion?${query}`))).toEqual([400, 'http-malformed']);
    expect((await served.get('/proof/inclusion?index=1')).status).toBe(200);
  });
});

describe('a consistency proof', () => {
  test('has the form of an add-checkpoint request, for the published checkpoint', async () => {
    const served = await filled();
    const response = await served.get('/proof/consistency?old=7');
    const { oldSize, proof, checkpoint } = parseAddCheckpoint(await bytesOf(response));
    expect([oldSize, checkpoint]).toEqual([7, served.log.checkpoint().note]);
    expect(proof).toEqual((await served.log.proveConsistency(7, 300)).proof);
  });

  test('is JSON for who accepts that, between any two sizes', async () => {
    const served = await filled();
    for (const [oldSize, size] of [
      [0, 300],
      [1, 2],
      [255, 257],
      [300, 300],
    ] as const) {
      const response = await served.get(`/proof/consistency?old=${oldSize}&size=${size}`, JSON_ONLY);
      const { oldRoot, root, proof } = (await response.json()) as { oldRoot: string; root: string; proof: string[] };
      const claim = {
        oldSize,
        newSize: size,
        oldRoot: hashOf(oldRoot),
        newRoot: hashOf(root),
        proof: proof.map(hashOf),
      };
      verifyConsistency(claim);
      expect(root).toBe(formatBase64((await served.log.proveConsistency(size, size)).newRoot));
    }
  });

  test.each([
    ['', [400, 'http-malformed']],
    ['old=1x', [400, 'number-malformed']],
    ['old=301', [404, 'log-range']],
    ['old=3&size=2', [404, 'log-range']],
    ['old=3&size=301', [404, 'log-range']],
    ['old=3&size=20', [404, 'checkpoint-missing']],
  ])('is refused for "%s"', async (query, expected) => {
    expect(await refusalIn(await (await filled()).get(`/proof/consistency?${query}`))).toEqual(expected);
  });
});

test('a cosigned checkpoint that is older serves text proofs too', async () => {
  const served = await filled(10);
  await served.cosign();
  await served.fill(10);
  expect((await served.get('/proof/inclusion?index=3&size=10')).status).toBe(200);
  expect((await served.get('/proof/consistency?old=3&size=20')).status).toBe(200);
});
