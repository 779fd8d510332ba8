import {
  cosign,
  cosignerOf,
  formatSignedNote,
  formatSignSubtree,
  type NoteSignature,
  parseSignatureLines,
  parseSignedNote,
  verifySubtreeCosignature,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { originHash } from '../src/witness/origin-hash.ts';
import { ORIGIN, schemes, TestLog, TIME, text, utf8 } from './support/logs.ts';
import { bytesOf, ED25519, ML_DSA, testWitness } from './support/witnesses.ts';

const log = new TestLog();
const HASH = originHash(ORIGIN);

describe('sign-subtree', () => {
  const witness = (): ReturnType<typeof testWitness> => testWitness({ signsSubtrees: true });

  async function request(
    w: Awaited<ReturnType<typeof witness>>,
    [start, end]: readonly [number, number],
    { checkpoint, proof, root }: { checkpoint?: Uint8Array; proof?: readonly Uint8Array[]; root?: Uint8Array } = {},
  ): Promise<Uint8Array> {
    return formatSignSubtree({
      subtree: { start, end },
      subtreeRoot: root ?? log.tree.hash(start, end),
      proof: proof ?? log.tree.subtreeProof(start, end, 14),
      checkpoint: checkpoint ?? (await bytesOf(await w.app.request(`/${HASH}/checkpoint`))),
    });
  }

  test('cosigns a part of a tree that the witness cosigned, without a time', async () => {
    const w = await witness();
    await w.add(await log.request(0, 14));
    for (const [start, end] of [
      [8, 13],
      [0, 14],
      [4, 8],
      [13, 14],
    ] as const) {
      const response = await w.subtree(await request(w, [start, end]));
      expect(response.status).toBe(200);
      const [line, ...others] = parseSignatureLines(await bytesOf(response));
      expect(others).toEqual([]);
      const subtree = { origin: ORIGIN, start, end, root: log.tree.hash(start, end) };
      expect(verifySubtreeCosignature(subtree, line!, ML_DSA.vkey, { schemes })).toBe(0);
    }
  });

  test('takes a reference that has only one of its own signatures', async () => {
    const w = await witness();
    await w.add(await log.request(0, 14));
    const note = parseSignedNote(await bytesOf(await w.app.request(`/${HASH}/checkpoint`)));
    for (const { vkey } of [ED25519, ML_DSA]) {
      const signatures = note.signatures.filter(({ keyName }) => keyName === vkey.keyName);
      const checkpoint = formatSignedNote({ ...note, signatures });
      expect((await w.subtree(await request(w, [8, 13], { checkpoint }))).status).toBe(200);
    }
  });

  test.each([
    [400, 'what is malformed', async () => utf8('subtree 0 1\n')],
    [400, 'what is no subtree', (w) => request(w, [3, 5])],
    [400, 'a subtree beyond the tree', (w) => request(w, [8, 16], { proof: [] })],
    [403, 'a reference that it did not cosign', async (w) => request(w, [8, 13], { checkpoint: await log.note(14) })],
    [
      404,
      'a log that is not known',
      async (w) => request(w, [8, 13], { checkpoint: await new TestLog({ origin: 'o' }).note(14) }),
    ],
    [422, 'another root', (w) => request(w, [8, 13], { root: log.tree.root(5) })],
    [422, 'a proof that is too short', (w) => request(w, [8, 13], { proof: [] })],
  ] as [number, string, (w: Awaited<ReturnType<typeof witness>>) => Promise<Uint8Array>][])(
    'answers %d to %s',
    async (status, _, body) => {
      const w = await witness();
      await w.add(await log.request(0, 14));
      const response = await w.subtree(await body(w));
      expect(response.status).toBe(status);
      expect(text(await bytesOf(response))).not.toContain('—');
    },
  );

  test('answers 403 to a reference with a changed signature of its own', async () => {
    const w = await witness();
    await w.add(await log.request(0, 14));
    const served = text(await bytesOf(await w.app.request(`/${HASH}/checkpoint`)));
    const checkpoint = utf8(served.replace('\n14\n', '\n15\n'));
    expect((await w.subtree(await request(w, [8, 13], { checkpoint }))).status).toBe(403);
  });

  test('answers 403 without a key that can cosign subtrees of the log', async () => {
    const w = await testWitness({ signsSubtrees: true, keys: [ED25519] });
    await w.add(await log.request(0, 14));
    expect((await w.subtree(await request(w, [8, 13]))).status).toBe(403);
    const long = new TestLog({ origin: `example.com/${'o'.repeat(250)}` });
    const both = await testWitness({ signsSubtrees: true, logs: [long] });
    await both.add(await long.request(0, 14));
    const checkpoint = await bytesOf(await both.app.request(`/${originHash(long.origin)}/checkpoint`));
    expect((await both.subtree(await request(both, [8, 13], { checkpoint }))).status).toBe(403);
    expect([...w.faults, ...both.faults]).toEqual([]);
  });

  test('answers 400 to more lines of one key than a key makes, before they are verified', async () => {
    const w = await witness();
    const { text: signed } = parseSignedNote(await log.note(14));
    const lines = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        cosign({ text: signed, cosigner: cosignerOf(ML_DSA, { schemes }), time: TIME + i }),
      ),
    );
    const ask = async (signatures: readonly NoteSignature[]): Promise<number> => {
      const checkpoint = formatSignedNote({ text: signed, signatures });
      return (await w.subtree(await request(w, [8, 13], { checkpoint }))).status;
    };
    expect(await ask(lines.slice(1))).toBe(200);
    expect(await ask(lines)).toBe(400);
    expect(await ask(lines.map((line) => ({ ...line, signature: line.signature.with(99, 0) })))).toBe(400);
  });

  test('is limited for each log, and not offered unless it is asked for', async () => {
    const w = await witness();
    await w.add(await log.request(0, 14));
    const body = await request(w, [13, 14]);
    expect((await w.subtree(body)).status).toBe(200);
    // Before a signature is verified, which takes as long as one that is made.
    const served = text(await bytesOf(await w.app.request(`/${HASH}/checkpoint`)));
    const unsigned = await request(w, [13, 14], { checkpoint: utf8(served.replace('\n14\n', '\n15\n')) });
    const statuses = new Set<number>();
    for (let i = 0; i < 400 && !statuses.has(429); i++) statuses.add((await w.subtree(unsigned)).status);
    expect(statuses).toEqual(new Set([403, 429]));
    const plain = await testWitness();
    expect((await plain.subtree(body)).status).toBe(404);
  });
});
