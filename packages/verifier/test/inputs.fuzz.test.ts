import { formatVkey, parsePolicy } from '@vitrine/core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatBundle, MAX_BUNDLE_SIZE, parseBundle } from '../src/bundle/bundle.ts';
import { type Decision, verifyRelease } from '../src/decision/verify.ts';
import { formatTransparentStatement, parseTransparentStatement } from '../src/receipt/transparent-statement.ts';
import { verifyReceipts } from '../src/receipt/verify-receipts.ts';
import { Refusal } from '../src/refusal.ts';
import { formatState, parseState } from '../src/state/state-codec.ts';
import { parseTrust } from '../src/trust/parse-trust.ts';
import { transparent } from './receipts.ts';
import { build, download, LOG_KEY, NOW, REVIEWERS, source, TRUST_HEAD, trustOf, utf8, World } from './world.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

const RULE = 'release tool/* signed-by acme max-age 1h latest source-reviewed-by r1 reviewed-by two reproduced-by r1';
const REQUEST = { stream: 'tool/stable', name: 'tool.tgz', ...download('tool') };

/** What `act` gives; undefined if it refuses, which is the only other way. */
function unlessRefused<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Valid bytes, changed in up to three places, cut or repeated; and bytes from nowhere. */
function inputs(valid: () => Uint8Array): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(),
    remove: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(2000) }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom(...['\n', ' ', '#', 'none', '**', 'below 1', 'latest', '1h', '\ufeff', '\0'].map(utf8)),
      // Heads of CBOR items that promise more than there is.
      fc.constantFrom(
        Uint8Array.of(0x9b, 0xff, 0xff),
        Uint8Array.of(0x5f),
        Uint8Array.of(0xbf),
        Uint8Array.of(0xd8, 24),
      ),
    ),
  });
  const mutated = fc.array(edit, { maxLength: 3 }).map((edits) =>
    edits.reduce((bytes, { at, remove, insert }) => {
      const start = at % (bytes.length + 1);
      return Uint8Array.of(...bytes.subarray(0, start), ...insert, ...bytes.subarray(start + remove));
    }, valid()),
  );
  return fc.oneof({ weight: 6, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) });
}

let bundle: Uint8Array;
let receipts: Uint8Array;
let decision: Decision;
beforeAll(async () => {
  const world = await World.create();
  const src = await world.say(source());
  const release = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
  await world.review(src.leafHash, 'reviewed');
  await world.review(release.leafHash, 'reproduced');
  await world.review(release.leafHash, 'reviewed', REVIEWERS[1]);
  bundle = await world.bundle(release.leaf, { earlier: [2] });
  receipts = await transparent(world, release.leaf);
  decision = verifyRelease(REQUEST, bundle, trustOf(RULE), NOW);
});

describe('whatever the bytes are', () => {
  test('a bundle is refused, or written as it was read', () => {
    fc.assert(
      fc.property(
        inputs(() => bundle),
        (bytes) => {
          const read = unlessRefused(() => parseBundle(bytes));
          if (read !== undefined) expect(formatBundle(read)).toEqual(bytes);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('a changed bundle is refused, or says the same of the release', () => {
    const trust = trustOf(RULE);
    const { witnesses: _, time: __, ...expected } = decision.finding;
    fc.assert(
      fc.property(
        inputs(() => bundle),
        (bytes) => {
          const found = unlessRefused(() => verifyRelease(REQUEST, bytes, trust, NOW));
          if (found !== undefined) expect(found.finding).toMatchObject(expected);
        },
      ),
      { numRuns: Math.min(RUNS, 5000) },
    );
  });

  test('a statement with receipts is refused, or written as it was read', () => {
    fc.assert(
      fc.property(
        inputs(() => receipts),
        (bytes) => {
          const read = unlessRefused(() => parseTransparentStatement(bytes));
          if (read !== undefined) expect(formatTransparentStatement(read)).toEqual(bytes);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('a changed statement with receipts is refused, or is the same statement in the same tree', () => {
    const policy = parsePolicy(utf8(`log ${formatVkey(LOG_KEY.vkey)}\nquorum none\n`));
    const { entry, receipts: honest } = verifyReceipts(receipts, policy);
    fc.assert(
      fc.property(
        inputs(() => receipts),
        (bytes) => {
          const read = unlessRefused(() => verifyReceipts(bytes, policy));
          if (read === undefined) return;
          expect(read.entry).toEqual(entry);
          for (const { root } of read.receipts) expect(root).toEqual(honest[0]!.root);
        },
      ),
      { numRuns: Math.min(RUNS, 5000) },
    );
  });

  test('a state is refused, or written as it was read', () => {
    const valid = formatState(decision.state);
    fc.assert(
      fc.property(
        inputs(() => valid),
        (bytes) => {
          const read = unlessRefused(() => parseState(bytes));
          if (read !== undefined) expect(formatState(read)).toEqual(bytes);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('a trust file is refused, or read', () => {
    const valid = utf8(`# who may\n${[...TRUST_HEAD, RULE, 'serial 7', 'expires 2030-01-01T00:00:00Z'].join('\n')}\n`);
    fc.assert(
      fc.property(
        inputs(() => valid),
        (bytes) => {
          const read = unlessRefused(() => parseTrust(bytes));
          if (read !== undefined) expect(read.releases.length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

const MEGABYTE = 1 << 20;
const fill = (pattern: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(MEGABYTE);
  for (let i = 0; i < bytes.length; i += pattern.length) bytes.set(pattern.subarray(0, bytes.length - i), i);
  return bytes;
};

/** 1 MB that begins with these bytes, and goes on with a pattern. */
const begun = (head: Uint8Array, pattern: Uint8Array): Uint8Array => {
  const bytes = fill(pattern);
  bytes.set(head);
  return bytes;
};

/** Inputs of 1 MB that are made to cost. */
const HOSTILE: ReadonlyMap<string, () => Uint8Array> = new Map([
  ['zeroes', () => new Uint8Array(MEGABYTE)],
  ['arrays in arrays', () => fill(Uint8Array.of(0x81))],
  ['maps in maps', () => fill(Uint8Array.of(0xa1, 0x00))],
  ['tags on tags', () => fill(Uint8Array.of(0xc1))],
  ['an array of a million items', () => begun(Uint8Array.of(0x9a, 0x00, 0x0f, 0xff, 0xfb), Uint8Array.of(0))],
  ['an array that promises 2^32 items', () => begun(Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff), Uint8Array.of(0x80))],
  ['short strings', () => fill(Uint8Array.of(0x61, 0x61))],
  ['newlines', () => fill(utf8('\n'))],
  ['comments', () => fill(utf8('#\n'))],
  ['one line of words', () => fill(utf8('a '))],
  ['log lines', () => fill(utf8(`log ${formatVkey(LOG_KEY.vkey)}\n`))],
  ['serial lines', () => fill(utf8('serial 1\n'))],
  ['release lines', () => fill(utf8('release **/** signed-by acme any-age\n'))],
  ['a bundle, and then zeroes', () => begun(bundle, Uint8Array.of(0))],
]);

const PARSERS = {
  bundle: parseBundle,
  'statement with receipts': parseTransparentStatement,
  state: parseState,
  trust: parseTrust,
};

describe('1 MB that is made to cost', () => {
  test.each([...HOSTILE.keys()])('%s', (name) => {
    expect(MAX_BUNDLE_SIZE).toBeGreaterThan(MEGABYTE);
    const bytes = HOSTILE.get(name)!();
    for (const [what, parse] of Object.entries(PARSERS)) {
      globalThis.gc?.();
      const memory = process.memoryUsage();
      const start = performance.now();
      const read = unlessRefused(() => parse(bytes));
      const took = performance.now() - start;
      const now = process.memoryUsage();
      const grown = now.heapUsed + now.external - memory.heapUsed - memory.external;
      if (process.env['FUZZ_RUNS'] !== undefined) {
        console.log(`${name} as a ${what}: ${took.toFixed(1)} ms, ${(grown / MEGABYTE).toFixed(1)} MB`);
      }
      // An empty trust file accepts nothing, and lacks its quorum.
      expect(read).toBeUndefined();
    }
  });
});
