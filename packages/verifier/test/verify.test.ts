import { addSignatures, formatSignedNote, parseSignedNote } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { formatBundle, parseBundle } from '../src/bundle/bundle.ts';
import { verifyRelease } from '../src/decision/verify.ts';
import { formatState, parseState } from '../src/state/state-codec.ts';
import {
  build,
  database,
  download,
  NOW,
  ORIGIN,
  REVIEWERS,
  source,
  trustOf,
  VENDOR,
  WITNESSES,
  World,
} from './world.ts';

test('what is remembered of a checkpoint has no lines of keys that nobody knows', async () => {
  const world = await World.create();
  const release = await world.say(database(1, 'rules'));
  const bundle = parseBundle(await world.bundle(release.leaf));
  const padding = Array.from({ length: 60 }, (_, i) => ({
    keyName: `padding-${i}.example`,
    keyId: i,
    signature: new Uint8Array(64),
  }));
  const padded = formatSignedNote(addSignatures(parseSignedNote(bundle.checkpoint), padding));
  const decide = (checkpoint: Uint8Array): Uint8Array =>
    formatState(
      verifyRelease(
        { stream: 'daily', ...download('rules') },
        formatBundle({ ...bundle, checkpoint }),
        trustOf('release daily signed-by acme max-age 1h'),
        NOW,
      ).state,
    );
  expect(decide(padded)).toEqual(decide(bundle.checkpoint));
});

test('a state that could not be read again is not written', () => {
  const streams = Array.from({ length: 8000 }, (_, i) => ({
    origin: ORIGIN,
    stream: `s${i}`,
    consulted: 1,
    installed: { issuer: 'acme.example', leaf: 1, count: 1, size: 1 },
  }));
  expect(() => formatState({ logs: [], streams })).toThrow(expect.objectContaining({ code: 'state-malformed' }));
  expect(parseState(formatState({ logs: [], streams: streams.slice(0, 1000) })).streams).toHaveLength(1000);
});

describe('a release that has all that a rule asks for', () => {
  test('may be installed, and the finding says all that was established', async () => {
    const world = await World.create();
    const src = await world.say(source());
    const release = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
    await world.review(src.leafHash, 'reviewed');
    await world.review(release.leafHash, 'reproduced');
    await world.review(release.leafHash, 'reviewed', REVIEWERS[1]);
    const trust = trustOf(
      'release tool/* signed-by acme max-age 1h latest source-reviewed-by r1 reviewed-by two reproduced-by r1',
    );
    const bundle = await world.bundle(release.leaf);
    const { finding, state } = verifyRelease(
      { stream: 'tool/stable', name: 'tool.tgz', ...download('tool') },
      bundle,
      trust,
      NOW,
    );
    expect(finding).toMatchObject({
      release: {
        type: 'build',
        stream: 'tool/stable',
        issuer: VENDOR.vkey.keyName,
        signer: 'acme',
        version: '1',
        leaf: release.leaf,
      },
      artifact: { name: 'tool.tgz', size: 4 },
      source: { leaf: src.leaf },
      log: { origin: ORIGIN, size: world.log.size },
      time: NOW - 60,
      latest: true,
      count: 1,
      index: { checkedBy: [] },
      consistency: 'none',
      trust: { digest: trust.digest, line: 15 },
    });
    expect(finding.witnesses.map(({ name }) => name)).toEqual(['w1', 'w2', 'w3']);
    expect(finding.reviews.map(({ reviewer, of, verdict }) => [reviewer, of, verdict])).toEqual([
      ['r1', 'release', 'reproduced'],
      ['r2', 'release', 'reviewed'],
      ['r1', 'source', 'reviewed'],
    ]);
    expect(state).toMatchObject({
      time: NOW - 60,
      logs: [{ origin: ORIGIN, largest: { size: world.log.size } }],
      streams: [{ stream: 'tool/stable', consulted: world.log.size, installed: { leaf: release.leaf, count: 1 } }],
    });
  });

  test('goes on from the state of the release before, with and without a proof of growth', async () => {
    const world = await World.create();
    const trust = trustOf('release daily signed-by acme any-age');
    const one = await world.say(database(1, 'one'));
    const first = verifyRelease({ stream: 'daily', ...download('one') }, await world.bundle(one.leaf), trust, NOW);
    const before = world.log.size;
    const two = await world.say(database(2, 'two'));
    const request = { stream: 'daily', ...download('two') };
    const bare = verifyRelease(request, await world.bundle(two.leaf), trust, NOW, first.state);
    expect(bare.finding.consistency).toBe('unproven');
    expect(bare.state.logs[0]!.unsettled.map(({ size }) => size)).toEqual([before]);
    const proven = verifyRelease(request, await world.bundle(two.leaf, { earlier: [before] }), trust, NOW, first.state);
    expect(proven.finding.consistency).toBe('proven');
    expect(proven.state.logs[0]!.unsettled).toEqual([]);
    // What was kept is settled by whatever comes with the proof.
    const settled = verifyRelease(request, await world.bundle(two.leaf, { earlier: [before] }), trust, NOW, bare.state);
    expect(settled.state.logs[0]!.unsettled).toEqual([]);
    expect(settled.finding.count).toBe(2);
    // The same release again.
    verifyRelease(request, await world.bundle(two.leaf), trust, NOW, settled.state);
  });

  test('takes its time from the oldest cosignature that the quorum needs', async () => {
    const world = await World.create();
    const { leaf } = await world.say(database(1, 'one'));
    const trust = trustOf('release daily signed-by acme any-age');
    const times = [WITNESSES[0], WITNESSES[1], WITNESSES[2]].map(
      (witness, i) => [witness, [NOW - 10, NOW - 500, NOW - 90][i]!] as const,
    );
    const { finding } = verifyRelease(
      { stream: 'daily', ...download('one') },
      await world.bundle(leaf, { times }),
      trust,
      NOW,
    );
    expect(finding.time).toBe(NOW - 90);
  });
});
