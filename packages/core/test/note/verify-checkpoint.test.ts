import { describe, expect, it } from 'vitest';
import { formatCheckpoint } from '../../src/note/checkpoint.ts';
import type { Policy } from '../../src/note/policy.ts';
import { formatSignedNote, parseSignedNote } from '../../src/note/signed-note.ts';
import { verifyCheckpoint } from '../../src/note/verify-checkpoint.ts';
import {
  CHECKPOINT,
  checkpointNote,
  codeOf,
  errorOf,
  keyOf,
  LOG,
  LOG_ML_DSA,
  schemes,
  spoil,
  TIME,
  utf8,
} from './fixtures.ts';
import { GO_COSIGNED6, GO_NOTE } from './vectors.ts';

const A = keyOf('witness.example/a', 4, 10);
const B = keyOf('witness.example/b', 6, 11);
const C = keyOf('witness.example/c', 4, 12);
const STRANGER = keyOf('witness.example/stranger', 4, 13);

const policy: Policy = {
  logs: [{ key: LOG.vkey }, { key: LOG_ML_DSA.vkey }, { key: keyOf('example.com/else', 1, 14).vkey }],
  witnesses: [
    { name: 'a', key: A.vkey },
    { name: 'b', key: B.vkey },
    { name: 'c', key: C.vkey },
  ],
  groups: [{ name: 'g', threshold: 2, members: ['a', 'b', 'c'] }],
  quorum: 'g',
};
const verify = (bytes: Uint8Array, change: Partial<Policy> = {}) =>
  verifyCheckpoint(bytes, { ...policy, ...change }, { schemes });

describe('verifying a checkpoint under a policy', () => {
  it('accepts one that the log signed and a quorum cosigned', async () => {
    const verified = verify(
      await checkpointNote([
        [A, TIME],
        [B, TIME + 1],
        [STRANGER, TIME],
      ]),
    );
    expect(verified.checkpoint).toEqual(CHECKPOINT);
    expect(verified.log).toEqual(LOG.vkey);
    expect(verified.cosignatures).toEqual([
      { witness: 'a', keyName: 'witness.example/a', time: TIME },
      { witness: 'b', keyName: 'witness.example/b', time: TIME + 1 },
    ]);
    expect(verified.note.unverified).toHaveLength(1);
  });

  it('accepts the checkpoints of Go', () => {
    expect(verify(utf8(GO_NOTE), { quorum: 'none' }).checkpoint.size).toBe(42);
    const witnesses = [{ name: 'w', key: keyOf('witness.example/w6', 6, 6).vkey }];
    expect(verify(utf8(GO_COSIGNED6), { witnesses, groups: [], quorum: 'w' }).cosignatures[0]?.time).toBeGreaterThan(
      TIME,
    );
  });

  it('refuses one without a quorum, and says who was there and what is needed', async () => {
    for (const cosigners of [
      [],
      [[A, TIME]],
      [
        [A, TIME],
        [STRANGER, TIME],
      ],
    ] as const) {
      const bytes = await checkpointNote(cosigners);
      expect(codeOf(() => verify(bytes))).toBe('policy-quorum');
    }
    const bytes = await checkpointNote([[A, TIME]]);
    expect(errorOf(() => verify(bytes))?.message).toContain('2 of (a, b, c), found a');
    const none = await checkpointNote([]);
    expect(errorOf(() => verify(none))?.message).toContain('found none');
  });

  it('counts a witness once, however often it cosigned, and returns all of its times', async () => {
    const bytes = await checkpointNote([
      [A, TIME],
      [A, TIME + 5],
    ]);
    expect(codeOf(() => verify(bytes))).toBe('policy-quorum');
    expect(verify(bytes, { quorum: 'a' }).cosignatures.map(({ time }) => time)).toEqual([TIME, TIME + 5]);
  });

  it('accepts one without witnesses under the quorum none', async () => {
    expect(verify(await checkpointNote([]), { quorum: 'none' }).cosignatures).toEqual([]);
  });

  it('counts a cosignature without a time for the quorum', async () => {
    const verified = verify(
      await checkpointNote([
        [A, TIME],
        [B, 0],
      ]),
    );
    expect(verified.cosignatures.map(({ time }) => time)).toEqual([TIME, 0]);
  });

  it('accepts one that only the log’s ML-DSA-44 key signed', async () => {
    const bytes = await checkpointNote(
      [
        [LOG_ML_DSA, TIME],
        [A, TIME],
        [C, TIME],
      ],
      { log: [] },
    );
    const verified = verify(bytes);
    expect(verified.log).toEqual(LOG_ML_DSA.vkey);
    expect(verified.cosignatures.map(({ witness }) => witness)).toEqual(['a', 'c']);
  });

  it('never counts a key of the log for a witness of it, even if the policy lists it as one', async () => {
    const bytes = await checkpointNote([
      [LOG_ML_DSA, TIME],
      [A, TIME],
    ]);
    expect(codeOf(() => verify(bytes))).toBe('policy-quorum');
    const witnesses = [
      { name: 'a', key: A.vkey },
      { name: 'b', key: LOG_ML_DSA.vkey },
      { name: 'c', key: C.vkey },
    ];
    expect(errorOf(() => verify(bytes, { witnesses }))?.message).toContain('2 of (a, b, c), found a');
    expect(verify(bytes, { witnesses, quorum: 'a' }).cosignatures.map(({ witness }) => witness)).toEqual(['a']);
  });

  it('never counts the public key of the log under another name and type', async () => {
    const alias = keyOf('witness.example/alias', 4, 1);
    const bytes = await checkpointNote([[alias, TIME]]);
    expect(alias.vkey.publicKey).toEqual(LOG.vkey.publicKey);
    const witnesses = [{ name: 'alias', key: alias.vkey }];
    expect(codeOf(() => verify(bytes, { witnesses, groups: [], quorum: 'alias' }))).toBe('policy-quorum');
  });

  it('counts the key of another log of the policy that is a witness of this one', async () => {
    const other = keyOf('example.com/witnessing-log', 6, 15);
    const bytes = await checkpointNote([[other, TIME]]);
    const logs = [...policy.logs, { key: other.vkey }];
    const witnesses = [{ name: 'o', key: other.vkey }];
    expect(verify(bytes, { logs, witnesses, groups: [], quorum: 'o' }).cosignatures).toHaveLength(1);
  });

  it('is refused for want of a quorum in few words, however large the policy is', async () => {
    const bytes = await checkpointNote([[A, TIME]]);
    const named = (name: string, n: number) => ({ name, key: keyOf(`w${n}`, 4, n).vkey });
    const many = Array.from({ length: 100 }, (_, i) => named(`${'x'.repeat(3000)}${i}`, i + 20));
    const all = { name: 'all', threshold: 100, members: many.map(({ name }) => name) };
    const flat = { witnesses: many, groups: [all], quorum: 'all' };
    const chain = many.map(({ name }, i) => ({
      name: `g${i}`,
      threshold: 2,
      members: [...(i === 0 ? [] : [`g${i - 1}`]), name, 'a'],
    }));
    const deep = { witnesses: [...many, named('a', 10)], groups: chain, quorum: 'g99' };
    for (const change of [flat, deep, { witnesses: many, groups: [], quorum: many[0]!.name }]) {
      const error = errorOf(() => verify(bytes, change));
      expect(error?.code).toBe('policy-quorum');
      expect(error?.message).toContain('…');
      expect(error?.message.length).toBeLessThan(2000);
    }
  });

  it('refuses one of a log that the policy does not have', async () => {
    const content = formatCheckpoint({ ...CHECKPOINT, origin: 'example.com/unknown' });
    const bytes = await checkpointNote(
      [
        [A, TIME],
        [B, TIME],
      ],
      { content },
    );
    expect(codeOf(() => verify(bytes))).toBe('policy-log');
    const known = await checkpointNote([]);
    expect(codeOf(() => verify(known, { logs: [], quorum: 'none' }))).toBe('policy-log');
  });

  it('refuses one that only another log of the policy signed', async () => {
    const bytes = await checkpointNote(
      [
        [A, TIME],
        [B, TIME],
      ],
      { log: [keyOf('example.com/else', 1, 14)] },
    );
    expect(codeOf(() => verify(bytes))).toBe('note-unsigned');
  });

  it('refuses one that no log signed, whatever the witnesses say', async () => {
    const bytes = await checkpointNote(
      [
        [A, TIME],
        [B, TIME],
        [C, TIME],
      ],
      { log: [] },
    );
    expect(codeOf(() => verify(bytes))).toBe('note-unsigned');
  });

  it('refuses one with a bad signature by any known key, and ignores those of unknown keys', async () => {
    const other = keyOf('example.com/else', 1, 14);
    const log2 = [LOG, other];
    const note = parseSignedNote(
      await checkpointNote(
        [
          [A, TIME],
          [B, TIME],
          [C, TIME],
          [LOG_ML_DSA, TIME],
          [STRANGER, TIME],
        ],
        { log: log2 },
      ),
    );
    expect(codeOf(() => verify(formatSignedNote(note)))).toBe('accepted');
    for (const [i, line] of note.signatures.entries()) {
      const bad = formatSignedNote({ ...note, signatures: note.signatures.with(i, spoil(line)) });
      const isKnown = line.keyName !== STRANGER.vkey.keyName;
      expect(codeOf(() => verify(bad))).toBe(isKnown ? 'note-signature' : 'accepted');
    }
  });

  it('needs the scheme of type 0x06 if such a key of the policy has a line, even one too many', async () => {
    const bytes = await checkpointNote([
      [A, TIME],
      [B, TIME],
      [C, TIME],
    ]);
    expect(codeOf(() => verifyCheckpoint(bytes, policy))).toBe('key-type');
    const without = await checkpointNote([
      [A, TIME],
      [C, TIME],
    ]);
    expect(codeOf(() => verifyCheckpoint(without, policy))).toBe('accepted');
  });

  it('refuses what is no note and what is no checkpoint', async () => {
    expect(codeOf(() => verify(utf8('hello')))).toBe('note-malformed');
    const { signatures } = parseSignedNote(await checkpointNote([]));
    expect(codeOf(() => verify(formatSignedNote({ text: 'hello\n', signatures })))).toBe('checkpoint-malformed');
  });
});
