import { encodeCbor, privateKeyFromSeed } from '@vitrine/core';
import type { AgentState, SeenCheckpoint } from '../../src/state/state.ts';
import { formatState } from '../../src/state/state-codec.ts';
import {
  DAILY,
  daily,
  FRESH,
  installed,
  LATEST,
  stateAfter,
  stateAfterRefusal,
  TOOL,
  tool,
  trustText,
  withDaily,
} from '../attempt.ts';
import { build, database, NOW, ORIGIN, OTHER_VENDOR, utf8, WITNESSES, World } from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

/** What comes after the first release of the day. */
interface Next {
  readonly state: AgentState;
  /** Of the tree that the state knows. */
  readonly size: number;
  readonly world: World;
  /** Of the second release. */
  readonly leaf: number;
}

/** The second release of the day, for an agent that has the first one. */
async function second(change: (next: Next) => Promise<Partial<CaseInput>>, trust = DAILY): Promise<CaseInput> {
  const { world, leaf: first } = await withDaily();
  const state = await installed(world, first, 'one', trust);
  const { size } = world.log;
  const { leaf } = await world.say(database(2, 'two'));
  const input = await change({ state, size, world, leaf });
  return { request: daily('two'), bundle: await world.bundle(leaf), trust, state, ...input };
}

/** A tree that was seen, of a checkpoint that nobody reads. */
const seenAt = (size: number): SeenCheckpoint => ({ checkpoint: utf8('?'), size, root: new Uint8Array(32).fill(size) });

const log = (state: AgentState): AgentState['logs'][number] => state.logs[0]!;

/** The bytes of a state with other bytes in it. */
const withBytes = (change: (bytes: Uint8Array) => Uint8Array): Promise<CaseInput> =>
  second(async ({ state }) => ({ state: change(formatState(state)) }));

const OTHER_LOG = privateKeyFromSeed('other.example/log', 0x01, new Uint8Array(32).fill(78));

/** States that cannot be read, and what is wrong with them. */
const UNREADABLE: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
  ['no bytes', () => new Uint8Array()],
  ['a byte behind its end', (bytes) => new Uint8Array([...bytes, 0])],
  ['its last byte missing', (bytes) => bytes.slice(0, -1)],
  [
    'another type',
    () =>
      encodeCbor(
        new Map<string, number | string>([
          ['v', 1],
          ['type', 'agent'],
        ]),
      ),
  ],
  [
    'a version of zero',
    () =>
      encodeCbor(
        new Map<string, number | string>([
          ['v', 0],
          ['type', 'agent-state'],
        ]),
      ),
  ],
  [
    'no fields but its version',
    () =>
      encodeCbor(
        new Map<string, number | string>([
          ['v', 1],
          ['type', 'agent-state'],
        ]),
      ),
  ],
  [
    'a field that version 1 does not have',
    () =>
      encodeCbor(
        new Map<string, number | string | []>([
          ['v', 1],
          ['type', 'agent-state'],
          ['logs', []],
          ['streams', []],
          ['more', 1],
        ]),
      ),
  ],
  [
    'a serial of null',
    () =>
      encodeCbor(
        new Map<string, number | string | [] | null>([
          ['v', 1],
          ['type', 'agent-state'],
          ['logs', []],
          ['serial', null],
          ['streams', []],
        ]),
      ),
  ],
  [
    'an integer that is longer than it need be',
    () => hex('a5617601646c6f67738064747970656b6167656e742d7374617465667365726961 6c1801 6773747265616d7380'),
  ],
  [
    'an array of indefinite length',
    () => hex('a4617601646c6f67739fff64747970656b6167656e742d73746174656773747265616d7380'),
  ],
  ['keys out of order', () => hex('a4646c6f677380617601 64747970656b6167656e742d73746174656773747265616d7380')],
];

function hex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}

/** What an agent has seen and installed, and the next state. */
export const STATE_CASES: readonly ConformanceCase[] = [
  accepted(
    'the same release again, by the same bundle',
    async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one');
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, state };
    },
    { consistency: 'proven' },
  ),
  accepted(
    'the same tree with other cosignatures',
    async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one');
      const times = WITNESSES.slice(1).map((witness) => [witness, NOW - 10] as const);
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust: DAILY, state };
    },
    { consistency: 'proven', time: NOW - 10 },
  ),
  accepted(
    'a larger tree with a proof that it grew',
    () => second(async ({ world, leaf, size }) => ({ bundle: await world.bundle(leaf, { earlier: [size] }) })),
    { consistency: 'proven', count: 2 },
  ),
  accepted('a larger tree without a proof that it grew', () => second(async () => ({})), { consistency: 'unproven' }),
  accepted(
    'a larger tree with a proof of another tree',
    () => second(async ({ world, leaf }) => ({ bundle: await world.bundle(leaf, { earlier: [1, 3] }) })),
    { consistency: 'unproven' },
  ),
  accepted(
    'a tree whose growth was not shown, shown later',
    () =>
      second(async ({ state, world, leaf, size }) => {
        const bare = await world.bundle(leaf);
        const then = stateAfter({ request: daily('two'), bundle: bare, trust: DAILY, state });
        await world.say(build({ 'tool.tgz': 'tool' }));
        return { bundle: await world.bundle(leaf, { earlier: [size] }), state: then };
      }),
    { consistency: 'unproven' },
  ),
  accepted(
    'a smaller tree for another stream',
    async () => {
      const { world, leaf } = await withDaily();
      const bundle = await world.bundle(leaf);
      const { leaf: of } = await world.say(build({ 'tool.tgz': 'tool' }));
      const state = stateAfter({ request: tool('tool'), bundle: await world.bundle(of), trust: TOOL });
      return { request: daily('one'), bundle, trust: DAILY, state };
    },
    { consistency: 'unproven' },
  ),
  accepted(
    'the same tree again, shown to have grown from one that was kept',
    () =>
      second(async ({ state, world, leaf, size }) => {
        const bundle = await world.bundle(leaf, { earlier: [size] });
        const then = stateAfter({ request: daily('two'), bundle, trust: DAILY, state });
        return { bundle, state: { ...then, logs: [{ ...log(then), unsettled: [seenAt(1), log(state).largest] }] } };
      }),
    { consistency: 'proven' },
  ),
  accepted(
    'a smaller tree that is shown to have grown from one that was kept',
    () =>
      second(async ({ state, world, leaf, size }) => ({
        bundle: await world.bundle(leaf, { earlier: [size] }),
        state: { ...state, logs: [{ ...log(state), largest: seenAt(100), unsettled: [log(state).largest] }] },
      })),
    { consistency: 'unproven' },
  ),
  accepted(
    'a smaller tree that was kept, with another note',
    () =>
      second(async ({ state, world, leaf }) => {
        const then = stateAfter({ request: daily('two'), bundle: await world.bundle(leaf), trust: DAILY, state });
        const kept = { ...log(then).largest, checkpoint: utf8('?') };
        return { state: { ...state, logs: [{ ...log(state), largest: seenAt(100), unsettled: [kept, seenAt(50)] }] } };
      }),
    { consistency: 'unproven' },
  ),
  accepted(
    'more trees without a proof than are kept',
    () =>
      second(async ({ state }) => ({
        state: {
          ...state,
          logs: [{ ...log(state), unsettled: Array.from({ length: 32 }, (_, i) => seenAt(100 + i)) }],
        },
      })),
    { consistency: 'unproven' },
  ),
  accepted('another log and another stream in the state, which stay', () =>
    second(async ({ state }) => ({
      state: {
        ...state,
        logs: [...state.logs, { origin: OTHER_LOG.vkey.keyName, largest: seenAt(9), unsettled: [] }],
        streams: [
          ...state.streams,
          { origin: ORIGIN, stream: 'tool/stable', consulted: 1 },
          { origin: OTHER_LOG.vkey.keyName, stream: 'daily', consulted: 9 },
        ],
      },
    })),
  ),
  accepted('a log of which the state knows nothing', () =>
    second(async () => ({
      state: {
        time: NOW - 100,
        logs: [{ origin: OTHER_LOG.vkey.keyName, largest: seenAt(9), unsettled: [] }],
        streams: [],
      },
    })),
  ),
  accepted('a state without anything in it', () => second(async () => ({ state: { logs: [], streams: [] } })), {
    consistency: 'none',
  }),
  accepted('a newest time in the state that is newer than the checkpoint', () =>
    second(async ({ state }) => ({ state: { ...state, time: NOW } })),
  ),
  accepted('the same serial as before', () => second(async () => ({}), `${DAILY}serial 5\n`)),
  accepted('a larger serial than before', () =>
    second(async () => ({ trust: `${DAILY}serial 6\n` }), `${DAILY}serial 5\n`),
  ),
  accepted('a serial of 0 and then none', () => second(async () => ({ trust: DAILY }), `${DAILY}serial 0\n`)),
  accepted('a newer release by another vendor, whose stream begins anew', async () => {
    const world = await World.create();
    const old = await world.say(build({ 'tool.tgz': 'old' }));
    await world.say(build({ 'tool.tgz': 'older' }));
    const state = stateAfter({ request: tool('old'), bundle: await world.bundle(old.leaf), trust: TOOL });
    const renewed = await world.say(build({ 'tool.tgz': 'new' }), OTHER_VENDOR);
    const trust = trustText('release tool/* signed-by other any-age');
    return { request: tool('new'), bundle: await world.bundle(renewed.leaf), trust, state };
  }),
  accepted('a release that was in the tree already', async () => {
    const { world, leaf } = await withDaily();
    const two = await world.say(database(2, 'two'));
    const state = await installed(world, leaf, 'one');
    return { request: daily('two'), bundle: await world.bundle(two.leaf), trust: DAILY, state };
  }),
  accepted('a stream that was refused before and never installed', async () => {
    const { world, leaf, leafHash } = await withDaily();
    await world.withdraw(leafHash);
    const attempt = { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    const state = stateAfterRefusal(attempt);
    const two = await world.say(database(2, 'two'));
    return { request: daily('two'), bundle: await world.bundle(two.leaf), trust: DAILY, state };
  }),
  refused('fork', 'a tree that a proof contradicts, of those without a proof', () =>
    second(async ({ state, world, leaf, size }) => ({
      bundle: await world.bundle(leaf, { earlier: [1, size] }),
      state: { ...state, logs: [{ ...log(state), unsettled: [seenAt(1)] }] },
    })),
  ),
  refused('superseded', 'a release that is not the newest, which no state remembers', () =>
    second(async ({ world, leaf }) => {
      await world.say(database(3, 'three'));
      return { bundle: await world.bundle(leaf), trust: LATEST };
    }),
  ),
  refused('stale', 'a withdrawal in a smaller tree than was consulted', async () => {
    const { world, leaf, leafHash } = await withDaily();
    await world.withdraw(leafHash);
    const bundle = await world.bundle(leaf);
    const two = await world.say(database(2, 'two'));
    const state = await installed(world, two.leaf, 'two');
    return { request: daily('one'), bundle, trust: DAILY, state };
  }),
  refused('too-old', 'an old checkpoint of a release that goes back', async () => {
    const { world, leaf } = await withDaily();
    const two = await world.say(database(2, 'two'));
    const state = await installed(world, two.leaf, 'two');
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: FRESH, state, now: NOW + 7200 };
  }),
  refused('clock', 'a clock behind the state, in a tree that is smaller', async () => {
    const { world, leaf } = await withDaily();
    const bundle = await world.bundle(leaf);
    await world.say(build({ 'tool.tgz': 'tool' }));
    const state = await installed(world, leaf, 'one');
    return { request: daily('one'), bundle, trust: DAILY, state, now: NOW - 500 };
  }),
  ...UNREADABLE.map(([what, change]) => refused('state-malformed', `a state with ${what}`, () => withBytes(change))),
  refused('state-newer', 'a state of a later version', () =>
    withBytes(() =>
      encodeCbor(
        new Map<string, number | string>([
          ['v', 2],
          ['type', 'agent-state'],
        ]),
      ),
    ),
  ),
  refused('state-newer', 'a state of a later version and a bundle that is none', () =>
    second(async () => ({
      bundle: utf8('junk'),
      state: encodeCbor(
        new Map<string, number | string>([
          ['v', 2],
          ['type', 'agent-state'],
        ]),
      ),
    })),
  ),
  refused('trust-malformed', 'a trust file and a state that cannot be read', () =>
    second(async () => ({ trust: 'junk\n', state: utf8('junk') })),
  ),
  refused('trust-expired', 'a trust file after its end and a bundle that is none', () =>
    second(async () => ({ trust: `${DAILY}expires 2020-01-01T00:00:00Z\n`, bundle: utf8('junk') })),
  ),
];
