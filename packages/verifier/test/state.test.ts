import { encodeCbor } from '@vitrine/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../src/refusal.ts';
import { type Consultation, checkAdvance, consult, withInstalled } from '../src/state/consult.ts';
import { type AgentState, NO_STATE, type SeenCheckpoint } from '../src/state/state.ts';
import { formatState, parseState } from '../src/state/state-codec.ts';
import { NOW, ORIGIN, utf8 } from './world.ts';

const seenAt = (size: number, root = size): SeenCheckpoint => ({
  checkpoint: utf8(`${size} ${root}`),
  size,
  root: new Uint8Array(32).fill(root),
});

const consultation = (seen: SeenCheckpoint, changes: Partial<Consultation> = {}): Consultation => ({
  origin: ORIGIN,
  stream: 'daily',
  seen,
  earlier: [],
  time: NOW,
  serial: undefined,
  now: NOW,
  ...changes,
});

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return (error as Refusal).code;
  }
  return undefined;
};

describe('what an agent remembers of a log', () => {
  test('is its largest tree, and the checkpoints that nothing connects with it yet', () => {
    let state: AgentState = NO_STATE;
    const step = (seen: SeenCheckpoint, earlier: SeenCheckpoint[] = []): string => {
      const { next, consistency } = consult(state, consultation(seen, { earlier, stream: `s${seen.size}` }));
      state = next;
      const { largest, unsettled } = state.logs[0]!;
      return `${consistency} ${largest.size} ${unsettled.map(({ size }) => size).join(',')}`;
    };
    expect(step(seenAt(10))).toBe('none 10 ');
    expect(step(seenAt(10))).toBe('proven 10 ');
    expect(step(seenAt(20))).toBe('unproven 20 10');
    expect(step(seenAt(30), [seenAt(20)])).toBe('proven 30 10');
    // An older tree, for another stream.
    expect(step(seenAt(15))).toBe('unproven 30 10,15');
    expect(step(seenAt(15))).toBe('unproven 30 10,15');
    expect(step(seenAt(40), [seenAt(10), seenAt(15)])).toBe('unproven 40 30');
    expect(step(seenAt(50), [seenAt(30), seenAt(40)])).toBe('proven 50 ');
  });

  test('is another log for another origin', () => {
    const { next } = consult(NO_STATE, consultation(seenAt(10)));
    const other = consult(next, consultation(seenAt(10, 77), { origin: 'other.example/log' }));
    expect(other.consistency).toBe('none');
    expect(other.next.logs).toHaveLength(2);
  });

  test('refuses another tree of a size that was seen, with both checkpoints, whichever was kept', () => {
    const one = consult(NO_STATE, consultation(seenAt(10))).next;
    const two = consult(one, consultation(seenAt(20))).next;
    for (const [seen, earlier, old] of [
      [seenAt(20, 99), [], seenAt(20)],
      [seenAt(30), [seenAt(20, 99)], seenAt(20)],
      [seenAt(30), [seenAt(10, 99)], seenAt(10)],
    ] as const) {
      let refusal: Refusal | undefined;
      try {
        consult(two, consultation(seen, { earlier }));
      } catch (error) {
        refusal = error as Refusal;
      }
      expect(refusal?.code).toBe('fork');
      expect(refusal?.evidence?.checkpoints).toEqual([old.checkpoint, seen.checkpoint]);
    }
  });

  test('does not grow without an end', () => {
    let state: AgentState = NO_STATE;
    for (let size = 1; size < 100; size++) state = consult(state, consultation(seenAt(size))).next;
    expect(state.logs[0]!.unsettled).toHaveLength(32);
  });

  test('keeps the newest time and serial', () => {
    const first = consult(NO_STATE, consultation(seenAt(1), { serial: 3 })).next;
    expect(first).toMatchObject({ serial: 3, time: NOW });
    const second = consult(first, consultation(seenAt(2), { serial: 5, time: NOW - 100 })).next;
    expect(second).toMatchObject({ serial: 5, time: NOW });
    expect(codeOf(() => consult(second, consultation(seenAt(3), { serial: undefined })))).toBe('trust-serial');
    expect(codeOf(() => consult(second, consultation(seenAt(3), { serial: 5, now: NOW - 301 })))).toBe('clock');
    expect(codeOf(() => consult(second, consultation(seenAt(3), { serial: 5, now: NOW - 300 })))).toBeUndefined();
  });
});

describe('what is installed', () => {
  const release = { issuer: 'acme.example', leaf: 10, count: 3, size: 20, sequence: 7 };
  const { next } = consult(NO_STATE, consultation(seenAt(20)));
  const state = withInstalled(next, consultation(seenAt(20)), release);

  test.each<[string | undefined, string, Partial<typeof release>]>([
    [undefined, 'the same', {}],
    [undefined, 'a newer one, in a larger tree', { leaf: 25, count: 4, size: 30, sequence: 8 }],
    [undefined, 'one that was in the tree already', { leaf: 15, count: 3, sequence: 8 }],
    ['rollback', 'one at a lower leaf', { leaf: 9 }],
    ['rollback', 'one with a lower sequence', { leaf: 25, count: 4, size: 30, sequence: 6 }],
    ['fork', 'one with fewer statements', { count: 2 }],
    ['fork', 'a newer one, and no statement more', { leaf: 25, count: 3, size: 30, sequence: 8 }],
    [
      undefined,
      'one of another issuer, whose stream begins anew',
      { issuer: 'new.example', leaf: 25, count: 1, size: 30, sequence: 8 },
    ],
  ])('may become (%s) %s', (code, _, changes) => {
    expect(codeOf(() => checkAdvance(state, consultation(seenAt(20)), { ...release, ...changes }))).toBe(code);
  });

  test('is that of a stream and a log', () => {
    const lower = { ...release, leaf: 1 };
    expect(codeOf(() => checkAdvance(state, { origin: ORIGIN, stream: 'weekly' }, lower))).toBeUndefined();
    expect(codeOf(() => checkAdvance(state, { origin: 'x.example', stream: 'daily' }, lower))).toBeUndefined();
  });
});

describe('a state as bytes', () => {
  const seen = fc.record({
    checkpoint: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    size: fc.maxSafeNat(),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  const text = fc.string({ unit: 'grapheme', maxLength: 10 });
  const states: fc.Arbitrary<AgentState> = fc.record(
    {
      serial: fc.maxSafeNat(),
      time: fc.maxSafeNat(),
      logs: fc.array(fc.record({ origin: text, largest: seen, unsettled: fc.array(seen, { maxLength: 3 }) }), {
        maxLength: 3,
      }),
      streams: fc.array(
        fc.record(
          {
            origin: text,
            stream: text,
            consulted: fc.maxSafeNat(),
            installed: fc.record(
              {
                issuer: text,
                leaf: fc.maxSafeNat(),
                count: fc.integer({ min: 1 }),
                size: fc.integer({ min: 1 }),
                sequence: fc.maxSafeNat(),
              },
              { requiredKeys: ['issuer', 'leaf', 'count', 'size'] },
            ),
          },
          { requiredKeys: ['origin', 'stream', 'consulted'] },
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: ['logs', 'streams'] },
  );

  test('is read as it was written', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(parseState(formatState(state))).toEqual(state);
      }),
      { numRuns: 100 },
    );
  });

  test('that cannot be read is refused, and never taken for none', () => {
    const bytes = formatState({ serial: 1, logs: [], streams: [] });
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.with(at, bytes[at]! ^ 0x20);
      expect(codeOf(() => expect(parseState(changed)).not.toEqual(NO_STATE))).toMatch(
        /^state-(malformed|newer)$|^undefined$/,
      );
      expect(codeOf(() => parseState(bytes.slice(0, at)))).toBe('state-malformed');
    }
    expect(
      codeOf(() =>
        parseState(
          encodeCbor(
            new Map<string, number | string>([
              ['v', 2],
              ['type', 'agent-state'],
            ]),
          ),
        ),
      ),
    ).toBe('state-newer');
    expect(
      codeOf(() =>
        parseState(
          encodeCbor(
            new Map<string, number | string>([
              ['v', 1],
              ['type', 'other'],
            ]),
          ),
        ),
      ),
    ).toBe('state-malformed');
  });
});
