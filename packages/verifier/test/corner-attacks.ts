import { encodeCbor, formatVkey, type PrivateKey, sha256 } from '@vitrine/core';
import { type Attack, core, verifier } from './attack.ts';
import {
  changed,
  DAILY,
  daily,
  FRESH,
  installed,
  REVIEWED,
  SOURCE_REVIEWED,
  TOOL,
  tool,
  trustText,
  withDaily,
  withStatements,
  withTool,
} from './attempt.ts';
import {
  artifact,
  build,
  database,
  INDEX_CHECKER,
  LOG_KEY,
  ML_DSA_LOG_KEY,
  NOW,
  ORIGIN,
  OTHER_CHECKER,
  OTHER_VENDOR,
  REVIEWERS,
  SCHEMES,
  source,
  TRUST_HEAD,
  utf8,
  VENDOR,
  WITNESSES,
  World,
} from './world.ts';

/** A trust file that asks for no witness. */
const UNWITNESSED = `${TRUST_HEAD.map((line) => (line.startsWith('quorum') ? 'quorum none' : line)).join('\n')}
release daily signed-by acme any-age
`;

/** The order of the base point of Ed25519, in the bytes of a signature. RFC 8032, section 5.1. */
const ORDER = [
  ...[0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14],
  ...new Array(15).fill(0),
  0x10,
];

/** A statement or note whose last 64 bytes are a signature, with the other S that a lax verifier takes for the same. */
export function withLargeScalar(bytes: Uint8Array): Uint8Array {
  const changedBytes = bytes.slice();
  let carry = 0;
  ORDER.forEach((byte, i) => {
    const at = bytes.length - 32 + i;
    const sum = bytes[at]! + byte + carry;
    changedBytes[at] = sum & 0xff;
    carry = sum >>> 8;
  });
  return changedBytes;
}

/** Attacks on what stands beside the checks of the others: sources, reviews, witnesses, what is left out. */
export const CORNER_ATTACKS: readonly Attack[] = [
  {
    name: 'a source that was logged after its build',
    code: 'source-other',
    attempt: async () => {
      const other = await World.create();
      await other.say(source('other'));
      const { leafHash } = await other.say(source());
      const world = await World.create();
      const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: leafHash }));
      await world.say(source());
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [verifier('decision/standing.ts', 'source.leaf < release.leaf', 'true')],
  },
  {
    name: "a build that borrows another vendor's source",
    code: 'source-other',
    attempt: async () => {
      const world = await World.create();
      const src = await world.say(source(), OTHER_VENDOR);
      await world.review(src.leafHash, 'reviewed');
      const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: SOURCE_REVIEWED };
    },
    check: [verifier('decision/standing.ts', 'source.statement.issuer === issuer', 'true')],
  },
  {
    name: 'a build passed off as a source',
    code: 'source-other',
    attempt: async () => {
      const world = await World.create();
      const src = await world.say(build({ 'tool.tgz': 'source' }));
      await world.review(src.leafHash, 'reviewed');
      const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: SOURCE_REVIEWED };
    },
    check: [verifier('decision/standing.ts', "of.type === 'source' &&", '')],
  },
  {
    name: 'a source for a release that names none',
    code: 'source-other',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const bundle = changed(await world.bundle(leaf), ({ subject }) => ({ source: subject }));
      return { request: daily('one'), bundle, trust: DAILY };
    },
    check: [verifier('decision/standing.ts', 'if (bundle.source !== undefined)', 'if (false)')],
  },
  {
    name: 'a source that a reviewer has rejected',
    code: 'rejected',
    attempt: async () => {
      const { world, src, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reviewed');
      await world.review(src.leafHash, 'rejected');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: REVIEWED };
    },
    check: [verifier('decision/standing.ts', 'if (source !== undefined) {', 'if (false) {')],
  },
  {
    name: 'a review by a key that has ended',
    code: 'review-invalid',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      const review = await world.review(leafHash, 'reviewed');
      const vkey = formatVkey(REVIEWERS[0].vkey);
      return {
        request: tool('tool'),
        bundle: await world.bundle(leaf),
        trust: REVIEWED.replace(vkey, `${vkey} below ${review.leaf}`),
      };
    },
    check: [verifier('decision/statements.ts', 'below === undefined || leaf < below', 'true')],
  },
  {
    name: 'a review that is meant for another log',
    code: 'review-invalid',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.say({ type: 'review', subject: leafHash, verdict: 'reviewed' }, REVIEWERS[0], 'test.example/log');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: REVIEWED };
    },
    check: [verifier('decision/statements.ts', 'if (statement.audience !== origin)', 'if (false)')],
  },
  {
    name: 'a withdrawal that the vendor has not signed',
    code: 'withdrawn',
    attempt: async () => {
      const { world, leaf, leafHash } = await withDaily();
      const { keyName, keyId } = VENDOR.vkey;
      const thief: PrivateKey = { ...OTHER_VENDOR, vkey: { ...OTHER_VENDOR.vkey, keyName, keyId } };
      await world.withdraw(leafHash, thief);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    // It stops a release for good, and accepts none.
    check: [],
  },
  {
    name: 'a release that only a later line would take',
    code: 'signer-other',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(database(1, 'one'), OTHER_VENDOR);
      const trust = trustText('release daily signed-by acme any-age', 'release * signed-by other any-age');
      return { request: daily('one'), bundle: await world.bundle(leaf), trust };
    },
    check: [verifier('decision/rule.ts', 'releases.find(({ pattern })', 'releases.findLast(({ pattern })')],
  },
  {
    name: 'an index that too few of a group have checked',
    code: 'index-unchecked',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const times = [...WITNESSES, INDEX_CHECKER].map((witness) => [witness, NOW - 60] as const);
      const trust = trustText(
        `witness checker2 ${formatVkey(OTHER_CHECKER.vkey)}`,
        'group checkers all checker checker2',
        'release daily signed-by acme any-age indexed-by checkers',
      );
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust };
    },
    check: [
      verifier('decision/rule.ts', 'if (!quorumSatisfied({ ...policy, quorum: indexedBy }, witnesses)) return [];', ''),
    ],
  },
  {
    name: 'a log that is its own witness',
    code: 'checkpoint-witnesses',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const vkey = formatVkey(ML_DSA_LOG_KEY.vkey);
      const trust = [
        `log ${formatVkey(LOG_KEY.vkey)}`,
        `log ${vkey}`,
        `witness w ${vkey}`,
        'quorum w',
        `indexed ${ORIGIN}`,
        `signer acme ${formatVkey(VENDOR.vkey)}`,
        'release daily signed-by acme any-age',
      ];
      return {
        request: daily('one'),
        bundle: await world.bundle(leaf, { times: [[ML_DSA_LOG_KEY, NOW - 60]] }),
        trust: `${trust.join('\n')}\n`,
        options: { schemes: SCHEMES },
      };
    },
    check: [core('note/verify-checkpoint.ts', ' || isLogKey(verifier)', '')],
  },
  {
    name: 'a witness that has cosigned twice',
    code: 'checkpoint-witnesses',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const times = [
        [WITNESSES[0], NOW - 60],
        [WITNESSES[0], NOW - 30],
      ] as const;
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust: DAILY };
    },
    // A quorum is of names, and lines are never counted.
    check: [],
  },
  {
    name: 'a false earlier tree that hides a fork',
    code: 'inclusion-wrong',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      await world.say(database(2, 'two'));
      await world.say(database(3, 'three'));
      const state = await installed(world, leaf, 'one');
      const { root } = state.logs[0]!.largest;
      const { world: forked } = await withDaily('another');
      await forked.say(database(2, 'two'));
      await forked.say(database(3, 'three'));
      const { size } = forked.log;
      const next = await forked.say(database(4, 'four'));
      const bundle = changed(await forked.bundle(next.leaf, { earlier: [size] }), () => ({
        earlier: [{ size, root }],
      }));
      return { request: daily('four'), bundle, trust: DAILY, state };
    },
    check: [core('tree/multi-proof.ts', 'if (!equalBytes(oldRoot, oldRoots.get(oldSize)!))', 'if (false)')],
  },
  {
    name: 'a newer release in a stream that has not grown',
    code: 'fork',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one');
      // Another tree, in which the stream began later; nothing connects the two.
      const forked = await World.create();
      await forked.say(build({ 'tool.tgz': 'tool' }));
      const two = await forked.say(database(2, 'two'));
      return { request: daily('two'), bundle: await forked.bundle(two.leaf), trust: DAILY, state };
    },
    check: [verifier('state/consult.ts', '(release.leaf >= installed.size ? 1 : 0)', '0')],
  },
  {
    name: 'a trust file without a serial after one with a serial',
    code: 'trust-serial',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one', `${DAILY}serial 1\n`);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, state };
    },
    check: [verifier('state/consult.ts', '(serial ?? 0) < state.serial', '(serial ?? state.serial) < state.serial')],
  },
  {
    name: 'a bundle that is older than the caller allows',
    code: 'too-old',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: FRESH, options: { maxAge: 59 } };
    },
    check: [verifier('decision/age.ts', '[rule.maxAge, maxAge]', '[rule.maxAge]')],
  },
  {
    name: 'a checkpoint without a time where the caller sets an age',
    code: 'too-old',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const bundle = await world.bundle(leaf, { times: [] });
      return { request: daily('one'), bundle, trust: UNWITNESSED, options: { maxAge: 3600 } };
    },
    check: [verifier('decision/age.ts', 'if (time === undefined) {', 'if (false) {')],
  },
  {
    name: 'a manifest that the bundle leaves out',
    code: 'manifest-other',
    attempt: async () => {
      const world = await World.create();
      const listed = utf8(`${Buffer.from(sha256(utf8('tool'))).toString('hex')} 4 tool.tgz\n`);
      const manifest = { ...artifact('MANIFEST', ''), size: listed.length, sha256: sha256(listed) };
      const { leaf } = await world.say({ type: 'build', product: 'tool', version: '1', channel: 'stable', manifest });
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    // There is nothing to compare a download with.
    check: [],
  },
  {
    name: 'an index entry in place of a release',
    code: 'statement-unreadable',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      await world.say(database(2, 'two'));
      const bundle = await withStatements(world, await world.bundle(leaf), [leaf, leaf + 1], { release: leaf + 1 });
      return { request: daily('one'), bundle, trust: DAILY };
    },
    // What is no statement has no artifacts.
    check: [],
  },
  {
    name: 'a signature of a statement with another S',
    code: 'statement-forged',
    attempt: async () => {
      const { world } = await withDaily();
      const { entry } = await (await withDaily('two')).world.say(database(2, 'two'));
      const { index } = await world.log.append(withLargeScalar(entry));
      return { request: daily('two'), bundle: await world.bundle(index), trust: DAILY };
    },
    // The libraries refuse it, each by itself.
    check: [],
  },
  {
    name: 'a bundle of a later version',
    code: 'bundle-newer',
    attempt: async () => ({
      request: daily('one'),
      bundle: encodeCbor(
        new Map<string, number | string>([
          ['v', 2],
          ['type', 'release-bundle'],
        ]),
      ),
      trust: DAILY,
    }),
    // What it says is not known here.
    check: [],
  },
];
