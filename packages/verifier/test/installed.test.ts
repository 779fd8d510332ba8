import { beforeEach, describe, expect, test } from 'vitest';
import { verifyRelease } from '../src/decision/verify.ts';
import { Refusal, type RefusalCode } from '../src/refusal.ts';
import type { AgentState } from '../src/state/state.ts';
import { database, download, NOW, OTHER_VENDOR, trustOf, World } from './world.ts';

const TRUST = trustOf('release daily signed-by acme max-age 1h');

let world: World;
let one: { readonly leaf: number; readonly leafHash: Uint8Array };
beforeEach(async () => {
  world = await World.create();
  one = await world.say(database(1, 'one'));
});

const of = (content: string) => ({ stream: 'daily', ...download(content) });

/** Asks whether what is installed is still good. */
const ask = (content: string, bundle: Uint8Array, state?: AgentState) =>
  verifyRelease(of(content), bundle, TRUST, NOW, state, { installed: true });

function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const refused = (code: RefusalCode) => expect.objectContaining({ name: 'Refusal', code });

/** The state of an agent that has installed the first release. */
const installed = async (): Promise<AgentState> =>
  verifyRelease(of('one'), await world.bundle(one.leaf), TRUST, NOW).state;

describe('what is installed', () => {
  test('is still good by a newer bundle of its release, which moves the state', async () => {
    const state = await installed();
    await world.review(one.leafHash, 'reviewed');
    const { finding, state: next } = ask('one', await world.bundle(one.leaf), state);
    expect(finding).toMatchObject({ latest: true, release: { leaf: one.leaf } });
    expect(next.streams[0]).toMatchObject({ consulted: world.log.size, installed: { leaf: one.leaf } });
    expect(next.streams[0]!.consulted).toBeGreaterThan(state.streams[0]!.consulted);
  });

  test('is superseded by a newer bundle of its release, though the rule would take it', async () => {
    await world.say(database(2, 'two'));
    const bundle = await world.bundle(one.leaf);
    expect(verifyRelease(of('one'), bundle, TRUST, NOW).finding.latest).toBe(false);
    const { code, state } = refusalOf(() => ask('one', bundle));
    // Anybody can make such a bundle: it moves nothing.
    expect({ code, state }).toEqual({ code: 'superseded', state: undefined });
  });

  test('is superseded by the bundle of a newer release, whatever the state knows', async () => {
    const state = await installed();
    const two = await world.say(database(2, 'two'));
    const bundle = await world.bundle(two.leaf);
    for (const known of [undefined, state]) {
      const refusal = refusalOf(() => ask('one', bundle, known));
      expect(refusal).toEqual(refused('superseded'));
      expect(refusal.message).toContain(`is at leaf ${two.leaf}, and what is installed is not of it`);
      expect(refusal.state).toBeUndefined();
    }
  });

  test('is superseded by a newer release that may not be installed: nothing is asked of that but whose it is', async () => {
    const two = await world.say(database(2, 'two'));
    await world.withdraw(two.leafHash);
    // The withdrawn one is still the newest of its stream.
    const bundle = await world.bundle(two.leaf);
    expect(refusalOf(() => ask('two', bundle))).toEqual(refused('withdrawn'));
    expect(refusalOf(() => ask('one', bundle))).toEqual(refused('superseded'));
  });

  test('was changed, where the bundle is of the release that the state knows to be installed', async () => {
    const state = await installed();
    const bundle = await world.bundle(one.leaf);
    expect(refusalOf(() => ask('eno', bundle, state))).toEqual(refused('artifact-other'));
    expect(refusalOf(() => ask('other', bundle, state))).toEqual(refused('size-other'));
  });

  test('is not what the bundle of an older release is about', async () => {
    await world.say(database(2, 'two'));
    const bundle = await world.bundle(one.leaf);
    expect(refusalOf(() => ask('three', bundle))).toEqual(refused('size-other'));
    expect(refusalOf(() => ask('two', bundle))).toEqual(refused('artifact-other'));
  });

  test('was withdrawn', async () => {
    await world.withdraw(one.leafHash);
    const bundle = await world.bundle(one.leaf);
    const { code, state } = refusalOf(() => ask('one', bundle));
    expect(code).toBe('withdrawn');
    expect(state).toBeDefined();
  });

  test('is judged by no tree that is smaller than was consulted, nor by an old one', async () => {
    const before = await world.bundle(one.leaf);
    await world.review(one.leafHash, 'reviewed');
    const state = await installed();
    expect(refusalOf(() => ask('one', before, state))).toEqual(refused('stale'));
    // The answer about another release is no way around it.
    expect(refusalOf(() => ask('eno', before, state))).toEqual(refused('stale'));
    expect(
      refusalOf(() => verifyRelease(of('one'), before, TRUST, NOW + 7200, undefined, { installed: true })),
    ).toEqual(refused('too-old'));
  });

  test('is not kept from a newer release by a bundle of the old one', async () => {
    const state = await installed();
    const two = await world.say(database(2, 'two'));
    const honest = await world.bundle(two.leaf);
    await world.say(database(1, 'other'), OTHER_VENDOR);
    const old = await world.bundle(one.leaf);
    const { state: next } = refusalOf(() => ask('one', old, state));
    expect(verifyRelease(of('two'), honest, TRUST, NOW, next ?? state).finding.latest).toBe(true);
  });
});
