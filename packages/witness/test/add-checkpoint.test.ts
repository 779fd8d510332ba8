import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  cosignerOf,
  EMPTY_ROOT,
  formatAddCheckpoint,
  formatBase64,
  formatSignedNote,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  parseSignedNote,
  sha256,
  type VerifierKey,
} from '@vitrine/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mlDsaCosignedMessage } from '../../core/src/note/cosigned-message.ts';
import { formatTimestampedSignature } from '../../core/src/note/timestamped-signature.ts';
import { type AddCheckpointOptions, addCheckpoint } from '../src/witness/add-checkpoint.ts';
import { Evidence, evidenceFiles } from '../src/witness/evidence.ts';
import { type Finding, openFinding } from '../src/witness/finding.ts';
import { WitnessState } from '../src/witness/witness-state.ts';
import { temporaryDirectory } from './support/directory.ts';
import { keyOf, ORIGIN, schemes, TestLog, TIME, text, utf8 } from './support/logs.ts';
import { refusal } from './support/refusal.ts';

const log = new TestLog();
/** It has the first three entries in common with the log, and its key. */
const fork = new TestLog({ name: 'other', shared: 3 });

interface Intake extends AddCheckpointOptions {
  readonly found: (readonly [Finding['kind'], string])[];
  /** What a request is answered with: the size that was accepted, or the refusal's code. */
  ask(body: Uint8Array): Promise<number | string>;
  sizes(): Promise<number[]>;
  findings(): Promise<Finding[]>;
}

async function intake(
  options: Partial<AddCheckpointOptions> & { keep?: number; keys?: readonly VerifierKey[] } = {},
): Promise<Intake> {
  const directory = temporaryDirectory();
  const state = await WitnessState.open(directory, { keep: options.keep ?? 1 });
  onTestFinished(() => state[Symbol.asyncDispose]());
  const found: (readonly [Finding['kind'], string])[] = [];
  const evidence = new Evidence(directory);
  const all: AddCheckpointOptions = {
    state,
    evidence,
    keysOf: (origin) => (options.keys ?? log.vkeys).filter(({ keyName }) => keyName === origin),
    now: () => TIME,
    onFinding: ({ kind }, kept) => found.push([kind, kept]),
    ...options,
  };
  return {
    ...all,
    found,
    ask: async (body) => {
      const answer = addCheckpoint(body, all, ({ checkpoint }) => checkpoint.size);
      return answer.catch(async () => (await refusal(answer)).code);
    },
    sizes: async () => (await state.checkpoints(ORIGIN)).map(({ size }) => size),
    findings: async () =>
      Promise.all(
        (await evidenceFiles(evidence.directory)).map((name) =>
          openFinding(readFileSync(join(evidence.directory, name))),
        ),
      ),
  };
}

describe('A request to add a checkpoint', () => {
  test('is accepted if the tree grew from the newest one that was seen, of which nothing was at first', async () => {
    const { ask, sizes } = await intake();
    for (const [oldSize, size] of [
      [0, 0],
      [0, 1],
      [1, 3],
      [3, 3],
      [3, 256],
      [256, 300],
    ] as const) {
      expect(await ask(await log.request(oldSize, size))).toBe(size);
      expect(await sizes()).toEqual([size]);
    }
  });

  test('is refused if it is malformed', async () => {
    const { ask, sizes } = await intake();
    const good = text(await log.request(0, 3));
    const hash = `${Buffer.alloc(32).toString('base64')}\n`;
    for (const bad of [
      '',
      'old 0\n',
      good.replace('old 0\n', ''),
      good.replace('old 0', 'old 00'),
      good.replace('old 0', 'old  0'),
      good.replace('old 0', 'old -0'),
      good.replace('old 0', 'size 0'),
      good.replace('old 0\n', 'old 0\r\n'),
      good.replace('old 0\n\n', 'old 0\n'),
      good.replace('old 0\n', `old 0\n${hash.replace('=', '')}`),
      good.replace('old 0\n', `old 0\n${hash.slice(1)}`),
      good.replace('old 0\n', `old 0\n${hash.repeat(64)}`),
      good.slice(0, -1),
      good.replace('\n3\n', '\n03\n'),
      good.replace(ORIGIN, ''),
    ]) {
      expect(await ask(utf8(bad)), bad).toBe('witness-request');
    }
    expect(await ask(new Uint8Array(2 << 20))).toBe('witness-request');
    expect(await sizes()).toEqual([]);
  });

  test('may have 63 hashes, which are then looked at', async () => {
    const { ask } = await intake();
    expect(await ask(await log.request(0, 3, { proof: new Array(63).fill(EMPTY_ROOT) }))).toBe('witness-proof');
  });

  test('is refused for a log that is not known, before its signature is looked at', async () => {
    const { ask } = await intake();
    const other = new TestLog({ origin: 'example.com/other', keys: [keyOf('example.com/other', 0x01, 1)] });
    expect(await ask(await other.request(0, 3))).toBe('witness-log');
  });

  test('is refused without a signature by a key of the log', async () => {
    const { ask, sizes } = await intake();
    expect(await ask(await log.request(0, 3, { keys: [keyOf(ORIGIN, 0x01, 2)] }))).toBe('witness-signature');
    expect(await sizes()).toEqual([]);
  });

  test('is refused if a line with the name and ID of a key of the log does not verify, even if another one does', async () => {
    const { ask } = await intake();
    const good = await log.request(0, 3);
    const { signatures } = parseSignedNote(await log.note(4));
    expect(await ask(await log.request(0, 3, { keys: [], more: signatures }))).toBe('witness-signature');
    expect(await ask(await log.request(0, 3, { more: signatures }))).toBe('witness-signature');
    expect(await ask(good)).toBe(3);
  });

  test('may have signatures by others, be they what they may: they are ignored', async () => {
    const { ask, state } = await intake();
    const more = [
      { keyName: 'stranger.example', keyId: 1, signature: utf8('anything') },
      { keyName: ORIGIN, keyId: 2, signature: utf8('anything') },
      { keyName: 'stranger.example', keyId: log.vkeys[0]!.keyId, signature: utf8('anything') },
    ];
    expect(await ask(await log.request(0, 3, { more }))).toBe(3);
    expect((await state.checkpoints(ORIGIN))[0]!.note).toEqual(await log.note(3));
  });

  test('is accepted by any one of the keys of the log', async () => {
    const keys = [keyOf(ORIGIN, 0x01, 1), keyOf(ORIGIN, 0x06, 6), keyOf(ORIGIN, 0x01, 7)];
    const { ask } = await intake({ keys: keys.map(({ vkey }) => vkey) });
    let size = 0;
    for (const key of keys) expect(await ask(await log.request(size, ++size, { keys: [key] }))).toBe(size);
  });

  test('is refused if the old size is above the new one', async () => {
    const { ask } = await intake();
    expect(await ask(await log.request(4, 3, { proof: [] }))).toBe('witness-request');
    // Not only by the size that is kept.
    expect(await ask(await log.request(0, 5))).toBe(5);
    expect(await ask(await log.request(5, 3, { proof: [] }))).toBe('witness-request');
  });

  test('is refused with the newest size if it begins at another', async () => {
    const { ask, sizes, ...options } = await intake();
    const conflict = async (body: Uint8Array): Promise<number | undefined> =>
      (await refusal(addCheckpoint(body, options, () => {}))).size;
    expect(await conflict(await log.request(1, 3))).toBe(0);
    expect(await ask(await log.request(0, 5))).toBe(5);
    for (const oldSize of [0, 4, 6]) expect(await conflict(await log.request(oldSize, 7))).toBe(5);
    expect(await conflict(await log.request(0, 0))).toBe(5);
    expect(await sizes()).toEqual([5]);
  });

  test('is refused with a proof from nothing, a proof of a tree with itself, and one that fails', async () => {
    const { ask, sizes } = await intake();
    expect(await ask(await log.request(0, 3, { proof: [EMPTY_ROOT] }))).toBe('witness-proof');
    expect(await ask(await log.request(0, 3))).toBe(3);
    expect(await ask(await log.request(3, 3, { proof: [EMPTY_ROOT] }))).toBe('witness-proof');
    const proof = log.tree.consistency(3, 7);
    for (const bad of [[], proof.slice(1), proof.slice(0, -1), [...proof, EMPTY_ROOT], proof.toReversed()]) {
      expect(await ask(await log.request(3, 7, { proof: bad }))).toBe('witness-proof');
    }
    expect(await sizes()).toEqual([3]);
    expect(await ask(await log.request(3, 7, { proof }))).toBe(7);
  });

  test('is refused for another tree of the same size, and for one that grew from another', async () => {
    const { ask, sizes } = await intake();
    expect(await ask(await log.request(0, 5))).toBe(5);
    expect(await ask(await fork.request(5, 5))).toBe('witness-proof');
    expect(await ask(await fork.request(5, 9))).toBe('witness-proof');
    // Both grew from the first three entries.
    const early = await intake();
    expect(await early.ask(await fork.request(0, 3))).toBe(3);
    expect(await early.ask(await log.request(3, 5))).toBe(5);
    expect(await sizes()).toEqual([5]);
  });

  test('is refused for a tree without entries whose root is not the empty one', async () => {
    const { ask, sizes, found } = await intake();
    const root = sha256(utf8('no tree'));
    expect(await ask(await log.request(0, 0, { root }))).toBe('witness-proof');
    // Unless somebody else says so, who has no log.
    expect(await ask(await log.request(0, 0, { root, keys: [keyOf(ORIGIN, 0x01, 2)] }))).toBe('witness-signature');
    expect(await sizes()).toEqual([]);
    expect(found).toEqual([['empty-root', 'new']]);
  });

  test('is passed on, and not stored again, for the newest checkpoint once more', async () => {
    const grown: boolean[] = [];
    const options = await intake({ admit: ({ isNew }) => void grown.push(isNew) });
    const asked: boolean[] = [];
    for (const request of [await log.request(0, 3), await log.request(3, 3), await log.request(3, 3)]) {
      await addCheckpoint(request, options, ({ isNew }) => void asked.push(isNew));
    }
    expect(asked).toEqual([true, false, false]);
    expect(grown).toEqual(asked);
  });

  test('leaves no trace if what admits it refuses, or what is done with it fails after it was stored', async () => {
    let refuse = true;
    const admit = (): void => {
      if (refuse) throw new Error('no');
    };
    const { sizes, ask, ...options } = await intake({ admit });
    const request = await log.request(0, 3);
    await expect(addCheckpoint(request, options, () => {})).rejects.toThrow('no');
    expect(await sizes()).toEqual([]);
    refuse = false;
    const failing = addCheckpoint(request, options, () => {
      throw new Error('the signer is away');
    });
    await expect(failing).rejects.toThrow('the signer is away');
    // What was stored holds: something may have seen it.
    expect(await sizes()).toEqual([3]);
    expect(await ask(await log.request(3, 3))).toBe(3);
  });

  test('of one log waits until the one before it is done', async () => {
    const { ...options } = await intake();
    const [first, second] = [await log.request(0, 3), await log.request(0, 5)];
    const results = await Promise.allSettled(
      [first, second].map((request) => addCheckpoint(request, options, ({ checkpoint }) => checkpoint.size)),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'witness-conflict', size: 3 });
  });
});

describe('Evidence is kept', () => {
  test('of two trees of one size, whatever the request begins at, and once', async () => {
    const { ask, found, findings } = await intake();
    expect(await ask(await log.request(0, 5))).toBe(5);
    expect(await ask(await fork.request(5, 5))).toBe('witness-proof');
    expect(await ask(await fork.request(0, 5))).toBe('witness-conflict');
    expect(found).toEqual([
      ['two-roots', 'new'],
      ['two-roots', 'known'],
    ]);
    const notes = [await log.note(5), await fork.note(5)];
    expect(await findings()).toMatchObject([{ kind: 'two-roots', origin: ORIGIN, time: TIME, keys: log.vkeys, notes }]);
  });

  test('of each checkpoint that is kept, not only the newest', async () => {
    const { ask, found } = await intake({ keep: 16 });
    expect(await ask(await log.request(0, 5))).toBe(5);
    expect(await ask(await log.request(5, 9))).toBe(9);
    expect(await ask(await fork.request(0, 5))).toBe('witness-conflict');
    expect(found).toEqual([['two-roots', 'new']]);
  });

  test('of a proof that fails, once for the two checkpoints', async () => {
    const { ask, found, findings } = await intake();
    expect(await ask(await log.request(0, 5))).toBe(5);
    expect(await ask(await fork.request(5, 9))).toBe('witness-proof');
    expect(await ask(await fork.request(5, 9, { proof: [EMPTY_ROOT] }))).toBe('witness-proof');
    expect(found).toEqual([
      ['unproven', 'new'],
      ['unproven', 'known'],
    ]);
    const [finding] = await findings();
    expect(finding).toMatchObject({ kind: 'unproven', notes: [await log.note(5), await fork.note(9)] });
    expect(finding?.proof).toEqual(fork.tree.consistency(5, 9));
  });

  test('of nothing that is not the log’s doing', async () => {
    const { ask, found } = await intake();
    expect(await ask(await log.request(0, 3, { proof: [EMPTY_ROOT] }))).toBe('witness-proof');
    expect(await ask(await log.request(0, 3))).toBe(3);
    expect(await ask(await log.request(3, 3, { proof: [EMPTY_ROOT] }))).toBe('witness-proof');
    expect(await ask(await fork.request(3, 5, { keys: [keyOf(ORIGIN, 0x01, 2)] }))).toBe('witness-signature');
    expect(await ask(await log.request(0, 2))).toBe('witness-conflict');
    expect(found).toEqual([]);
  });

  test('without the signatures of others, which anybody can put there', async () => {
    const { ask, findings } = await intake();
    const more = [{ keyName: 'stranger.example', keyId: 1, signature: new Uint8Array(100_000) }];
    expect(await ask(await log.request(0, 5, { more }))).toBe(5);
    expect(await ask(await fork.request(5, 5, { more }))).toBe('witness-proof');
    expect(await ask(await log.request(0, 0, { root: sha256(utf8('x')), more }))).toBe('witness-proof');
    const notes = (await findings()).flatMap((finding) => finding.notes);
    expect(notes).toHaveLength(3);
    for (const note of notes) expect(text(note)).not.toContain('stranger');
  });

  test('with all keys that it takes to verify it, also after the log changed its key', async () => {
    const keys = [keyOf(ORIGIN, 0x01, 1), keyOf(ORIGIN, 0x01, 2)] as const;
    let known = keys[0].vkey;
    const { ask, findings } = await intake({ keysOf: () => [known] });
    expect(await ask(await log.request(0, 5))).toBe(5);
    known = keys[1].vkey;
    expect(await ask(await fork.request(5, 5, { keys: [keys[1]] }))).toBe('witness-proof');
    expect((await findings())[0]?.keys).toHaveLength(2);
  });

  test('up to a number and a size for each log where anybody could cause more', async () => {
    const directory = temporaryDirectory();
    const limits = { signed: 2, signedBytes: 10_000, unproven: 2, unprovenBytes: 4000 };
    const options = await intake({ evidence: new Evidence(directory, limits) });
    expect(await options.ask(await log.request(0, 5))).toBe(5);
    const bad = { proof: [EMPTY_ROOT] };
    await options.ask(await log.request(5, 6, { ...bad, extensions: ['x'.repeat(4000)] }));
    for (const size of [6, 7, 8]) await options.ask(await log.request(5, size, bad));
    for (const extension of ['a', 'b', 'c']) await options.ask(await fork.request(5, 5, { extensions: [extension] }));
    expect(options.found).toEqual([
      ['unproven', 'dropped'],
      ['unproven', 'new'],
      ['unproven', 'new'],
      ['unproven', 'dropped'],
      ['two-roots', 'new'],
      ['two-roots', 'new'],
      ['two-roots', 'dropped'],
    ]);
    // Also by the next process.
    const next = await intake({ evidence: new Evidence(directory, limits) });
    expect(await next.ask(await log.request(0, 5))).toBe(5);
    await next.ask(await log.request(5, 6, bad));
    await next.ask(await log.request(5, 9, bad));
    expect(next.found).toEqual([
      ['unproven', 'known'],
      ['unproven', 'dropped'],
    ]);
  });
});

describe('Evidence that only the log can have caused', () => {
  test('is kept up to a size for each log, and the first of it in any case, also by the next process', async () => {
    const directory = temporaryDirectory();
    const limits = { signed: 10, signedBytes: 6500, unproven: 10, unprovenBytes: 4000 };
    const find = async (lengths: readonly number[]): Promise<unknown> => {
      const { ask, found } = await intake({ evidence: new Evidence(directory, limits) });
      expect(await ask(await log.request(0, 5))).toBe(5);
      for (const length of lengths) await ask(await fork.request(5, 5, { extensions: ['x'.repeat(length)] }));
      return found.map(([, kept]) => kept);
    };
    expect(await find([2000, 2001, 2002, 10])).toEqual(['new', 'new', 'dropped', 'new']);
    expect(await find([2001, 2002])).toEqual(['known', 'dropped']);
    const other = new Evidence(temporaryDirectory(), { ...limits, signedBytes: 1 });
    const { ask, found } = await intake({ evidence: other });
    expect(await ask(await log.request(0, 5))).toBe(5);
    for (const extension of ['a', 'b']) await ask(await fork.request(5, 5, { extensions: [extension] }));
    expect(found.map(([, kept]) => kept)).toEqual(['new', 'dropped']);
  });

  test('has no extension lines that the log did not sign', async () => {
    const key = keyOf(ORIGIN, KEY_TYPE_ML_DSA_44_COSIGNATURE, 6);
    const { ask, found, findings } = await intake({ keys: [key.vkey] });
    const root = sha256(utf8('no tree'));
    // No cosigner signs that, but a log can.
    const message = mlDsaCosignedMessage({
      cosignerName: ORIGIN,
      timestamp: 1n,
      origin: ORIGIN,
      start: 0,
      end: 0,
      root,
    });
    const signature = formatTimestampedSignature({
      timestamp: 1n,
      signature: await cosignerOf(key, { schemes }).sign(message),
    });
    const signatures = [{ keyName: ORIGIN, keyId: key.vkey.keyId, signature }];
    for (const extension of ['', 'a\n', 'b\n']) {
      const signed = formatSignedNote({ text: `${ORIGIN}\n0\n${formatBase64(root)}\n${extension}`, signatures });
      expect(await ask(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: signed }))).toBe('witness-proof');
    }
    expect(found).toEqual([
      ['empty-root', 'new'],
      ['empty-root', 'known'],
      ['empty-root', 'known'],
    ]);
    expect(await findings()).toMatchObject([{ kind: 'empty-root' }]);
  });

  test('is kept once what is in the way of it is gone', async () => {
    const { ask, found, evidence } = await intake();
    expect(await ask(await log.request(0, 5))).toBe(5);
    // It looks like a file that was not finished, and cannot be removed like one.
    const stuck = join(evidence.directory, '.x.0123456789abcdef.tmp');
    mkdirSync(stuck, { recursive: true });
    expect(await ask(await fork.request(5, 5))).toBe('state-io');
    rmSync(stuck, { recursive: true });
    expect(await ask(await fork.request(5, 5))).toBe('witness-proof');
    expect(found).toEqual([['two-roots', 'new']]);
  });
});

test('Evidence shows what it says, or is refused', async () => {
  const { ask, evidence } = await intake();
  await ask(await log.request(0, 5));
  await ask(await fork.request(5, 5));
  await ask(await fork.request(5, 9));
  await ask(await log.request(0, 0, { root: sha256(utf8('x')) }));
  const files = await evidenceFiles(evidence.directory);
  const found = files.map((name) => JSON.parse(readFileSync(join(evidence.directory, name), 'utf8')));
  expect(found.map(({ kind }) => kind)).toEqual(['empty-root', 'two-roots', 'unproven']);
  const [emptyRoot, twoRoots, unproven] = found;
  const code = async (value: unknown): Promise<string> =>
    (await refusal(openFinding(utf8(JSON.stringify(value))))).code;
  const five = text(await log.note(5));
  const unsigned = formatSignedNote(parseSignedNote(await log.note(5, { keys: [keyOf(ORIGIN, 0x01, 2)] })));
  for (const value of [
    ...[null, [], {}, { ...twoRoots, format: 'other' }, { ...twoRoots, version: '1' }],
    ...[
      { ...twoRoots, kind: 'other' },
      { ...twoRoots, origin: 1 },
      { ...twoRoots, time: -1 },
      { ...twoRoots, vkeys: [] },
    ],
    ...[
      { ...twoRoots, vkeys: ['x'] },
      { ...twoRoots, notes: 'x' },
      { ...twoRoots, notes: [five] },
      { ...twoRoots, proof: [] },
    ],
    { ...twoRoots, notes: [five, five] },
    { ...twoRoots, notes: [five, text(unsigned)] },
    { ...twoRoots, notes: [five, text(await log.note(6))] },
    { ...twoRoots, origin: 'example.com/other' },
    {
      ...unproven,
      proof: log.tree.consistency(5, 9).map((hash) => Buffer.from(hash).toString('base64')),
      notes: [five, text(await log.note(9))],
    },
    { ...unproven, proof: undefined },
    { ...emptyRoot, notes: [text(await log.note(0))] },
    { ...emptyRoot, notes: [text(await log.note(0)), five] },
  ]) {
    expect(await code(value), JSON.stringify(value)).toBe('evidence-malformed');
  }
  expect(await code({ ...twoRoots, version: 2 })).toBe('evidence-newer');
  expect((await refusal(openFinding(utf8('{')))).code).toBe('evidence-malformed');
});
