import {
  encodeCbor,
  equalBytes,
  formatVkey,
  type IndexMapping,
  type PrivateKey,
  parseSignedNote,
  privateKeyFromSeed,
} from '@vitrine/core';
import { statementMapping } from '@vitrine/signer';
import { formatBundle, parseBundle } from '../src/bundle/bundle.ts';
import { type Attack, core, verifier } from './attack.ts';
import {
  changed,
  DAILY,
  daily,
  FRESH,
  installed,
  LATEST,
  REPRODUCED,
  REVIEWED,
  SOURCE_REVIEWED,
  stateAfter,
  stateAfterRefusal,
  TOOL,
  tool,
  trustText,
  withDaily,
  withStatements,
  withTool,
} from './attempt.ts';
import { CORNER_ATTACKS } from './corner-attacks.ts';
import { transparent } from './receipts.ts';
import {
  artifact,
  build,
  database,
  download,
  LOG_KEY,
  ML_DSA_WITNESS,
  NOW,
  OTHER_VENDOR,
  REVIEWERS,
  SCHEMES,
  source,
  TRUST_HEAD,
  utf8,
  VENDOR,
  VENDOR_NEXT,
  WITNESSES,
  World,
} from './world.ts';

const SAME_KEY_TWICE = TRUST_HEAD.map((line) =>
  line.startsWith('witness w2') ? `witness w2 ${formatVkey(WITNESSES[0].vkey)}` : line,
);

export const ATTACKS: readonly Attack[] = [
  {
    name: 'a download that was never logged',
    code: 'artifact-other',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return { request: daily('eno'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [verifier('decision/artifact.ts', 'if (!equalBytes(digest, request.digest))', 'if (false)')],
  },
  {
    name: 'a download of another size',
    code: 'size-other',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return { request: { ...daily('one'), size: 4 }, bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [verifier('decision/artifact.ts', 'if (size !== request.size)', 'if (false)')],
  },
  {
    name: 'another artifact of the same build',
    code: 'artifact-other',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(build({ 'a.tgz': 'aaa', 'b.tgz': 'bbb' }));
      return { request: { ...tool('bbb'), name: 'a.tgz' }, bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [verifier('decision/artifact.ts', 'if (!equalBytes(digest, request.digest))', 'if (false)')],
  },
  {
    name: 'an artifact without a name, of a build with several',
    code: 'artifact-unknown',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(build({ 'a.tgz': 'aaa', 'b.tgz': 'bbb' }));
      return { request: tool('aaa'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [verifier('decision/artifact.ts', 'if (artifacts.length === 1) return', 'if (artifacts.length > 0) return')],
  },
  {
    name: 'a statement that is signed and not in the log',
    code: 'inclusion-wrong',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const secret = await withDaily('bad');
      const { note } = await world.checkpoint();
      return {
        request: daily('bad'),
        bundle: changed(await secret.world.bundle(leaf), () => ({ checkpoint: note })),
        trust: DAILY,
      };
    },
    check: [core('tree/multi-proof.ts', 'if (!equalBytes(computed, root))', 'if (false)')],
  },
  {
    name: 'a proof with a hash too many',
    code: 'inclusion-wrong',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const bundle = changed(await world.bundle(leaf), ({ proof }) => ({ proof: [...proof, new Uint8Array(32)] }));
      return { request: daily('one'), bundle, trust: DAILY };
    },
    check: [core('tree/multi-proof.ts', 'if (used < proof.length)', 'if (false)')],
  },
  {
    name: "another channel's genuine release",
    code: 'stream-other',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(build({ 'tool.tgz': 'beta' }, { channel: 'beta' }));
      return { request: tool('beta'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [verifier('decision/verify.ts', 'if (stream !== request.stream)', 'if (false)')],
  },
  {
    name: "another platform's genuine release",
    code: 'stream-other',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(build({ 'tool.tgz': 'arm' }, { platform: 'linux-arm64' }));
      const request = { stream: 'tool/stable/linux-x64', ...download('arm') };
      const trust = trustText('release tool/** signed-by acme any-age');
      return { request, bundle: await world.bundle(leaf), trust };
    },
    check: [verifier('decision/verify.ts', 'if (stream !== request.stream)', 'if (false)')],
  },
  {
    name: "another product's genuine release",
    code: 'stream-other',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(build({ 'tool.tgz': 'other' }, { product: 'other' }));
      return { request: tool('other'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [verifier('decision/verify.ts', 'if (stream !== request.stream)', 'if (false)')],
  },
  {
    name: 'a statement of another type',
    code: 'statement-type',
    attempt: async () => {
      const { world, src, leaf } = await withTool();
      const bundle = changed(await world.bundle(leaf), () => ({ release: src.leaf }));
      return {
        request: { stream: 'tool', ...download('tool') },
        bundle,
        trust: trustText('release tool signed-by acme any-age'),
      };
    },
    // There is nothing in a source to compare a download with, so nothing that could be accepted.
    check: [],
  },
  {
    name: 'a checkpoint that too few witnesses have cosigned',
    code: 'checkpoint-witnesses',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return {
        request: daily('one'),
        bundle: await world.bundle(leaf, { times: [[WITNESSES[0], NOW]] }),
        trust: DAILY,
      };
    },
    check: [core('note/verify-checkpoint.ts', 'if (!quorumSatisfied(policy, witnesses))', 'if (false)')],
  },
  {
    name: 'one witness under two names',
    code: 'trust-malformed',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const trust = `${[...SAME_KEY_TWICE, 'release daily signed-by acme any-age'].join('\n')}\n`;
      return { request: daily('one'), bundle: await world.bundle(leaf, { times: [[WITNESSES[0], NOW]] }), trust };
    },
    // A key is that of one witness also where its cosignatures are counted.
    check: [
      core(
        'note/parse-policy.ts',
        'if (other !== undefined) throw refuse(`the public key',
        'if (false) throw refuse(`the public key',
      ),
      core(
        'note/verify-checkpoint.ts',
        'cosignatures.push({ witness: witness.name, ',
        'for (const { name, key } of policy.witnesses) if (isSameKey(key, verifier)) cosignatures.push({ witness: name, ',
      ),
      core(
        'note/verify-checkpoint.ts',
        'new Set(cosignatures.map(({ witness }) => witness))',
        'new Set([...cosignatures.map(({ witness }) => witness)])',
      ),
    ],
  },
  {
    name: 'a log whose key the trust file does not have',
    code: 'checkpoint-unsigned',
    attempt: async () => {
      const impostor = privateKeyFromSeed(LOG_KEY.vkey.keyName, 0x01, new Uint8Array(32).fill(77));
      const world = await World.create({ logKey: impostor });
      const { leaf } = await world.say(database(1, 'one'));
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [
      core(
        'note/open-checkpoint.ts',
        "throw new CoreError('note-unsigned'",
        "if (false) throw new CoreError('note-unsigned'",
      ),
    ],
  },
  {
    name: 'a known key with a bad signature beside a good one',
    code: 'checkpoint-signature',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const { note } = await world.checkpoint();
      const { signatures } = parseSignedNote(note);
      const bad = signatures.at(-1)!.signature.slice();
      bad[bad.length - 1]! ^= 1;
      const lines = new TextDecoder().decode(note).trimEnd().split('\n');
      const id = Buffer.from(lines.at(-1)!.split(' ').at(-1)!, 'base64').subarray(0, 4);
      const line = `— ${signatures.at(-1)!.keyName} ${Buffer.concat([id, bad]).toString('base64')}`;
      const bundle = changed(await world.bundle(leaf), () => ({
        checkpoint: utf8(`${[...lines, line].join('\n')}\n`),
      }));
      return { request: daily('one'), bundle, trust: DAILY };
    },
    check: [
      core(
        'note/open-note.ts',
        'if (!verifier.verify(note, line.signature)) {',
        'if (!verifier.verify(note, line.signature)) { continue;',
      ),
    ],
  },
  {
    name: 'a second checkpoint spliced in',
    code: 'checkpoint-malformed',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const { note } = await world.checkpoint();
      const bundle = changed(await world.bundle(leaf), () => ({ checkpoint: new Uint8Array([...note, ...note]) }));
      return { request: daily('one'), bundle, trust: DAILY };
    },
    // What is no note cannot be read as one.
    check: [],
  },
  {
    name: 'the right release in another log',
    code: 'log-other',
    attempt: async () => {
      const other = privateKeyFromSeed('other.example/log', 0x01, new Uint8Array(32).fill(78));
      const world = await World.create({ logKey: other });
      const { leaf } = await world.say(database(1, 'one'));
      const trust = `${[...TRUST_HEAD.toSpliced(1, 0, `log ${formatVkey(other.vkey)}`), `release daily in ${LOG_KEY.vkey.keyName} signed-by acme any-age`].join('\n')}\n`;
      return { request: daily('one'), bundle: await world.bundle(leaf), trust };
    },
    check: [verifier('decision/rule.ts', 'if (rule.origin !== origin)', 'if (false)')],
  },
  {
    name: 'a log that the trust file does not know',
    code: 'checkpoint-log',
    attempt: async () => {
      const world = await World.create({
        logKey: privateKeyFromSeed('other.example/log', 0x01, new Uint8Array(32).fill(78)),
      });
      const { leaf } = await world.say(database(1, 'one'));
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    // Without a key of the log nothing could be verified.
    check: [],
  },
  {
    name: 'a statement that is meant for another log',
    code: 'statement-audience',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(database(1, 'one'), VENDOR, 'test.example/log');
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [verifier('decision/statements.ts', 'if (statement.audience !== origin)', 'if (false)')],
  },
  {
    name: 'a statement that somebody else signed in the name of the vendor',
    code: 'statement-forged',
    attempt: async () => {
      const world = await World.create();
      const thief: PrivateKey = {
        ...OTHER_VENDOR,
        vkey: { ...OTHER_VENDOR.vkey, keyName: VENDOR.vkey.keyName, keyId: VENDOR.vkey.keyId },
      };
      const { leaf } = await world.say(database(1, 'one'), thief);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [
      {
        file: 'signer/src/statement/open-statement.ts',
        find: 'verifyEd25519(publicKey, toBeSigned, signature)',
        replace: 'true',
      },
    ],
  },
  {
    name: 'a signer whom the rule does not name',
    code: 'signer-other',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(database(1, 'one'), OTHER_VENDOR);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [verifier('decision/rule.ts', 'if (rule.signedBy !== release.issuer.name)', 'if (false)')],
  },
  {
    name: 'a signer whom the trust file does not have',
    code: 'signer-unknown',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(database(1, 'one'), REVIEWERS[0]);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [
      verifier(
        'decision/release.ts',
        'openBundled(bundled, trust.signers, origin);\n  const { payload }',
        'openBundled(bundled, [...trust.signers, ...trust.reviewers], origin);\n  const { payload }',
      ),
      verifier('decision/rule.ts', 'if (rule.signedBy !== release.issuer.name)', 'if (false)'),
    ],
  },
  {
    name: 'a signer after the leaf at which its key ended',
    code: 'signer-ended',
    attempt: async () => {
      const { world } = await withDaily();
      const { leaf } = await world.say(database(2, 'two'));
      const trust = DAILY.replace(formatVkey(VENDOR.vkey), `${formatVkey(VENDOR.vkey)} below ${leaf}`);
      return { request: daily('two'), bundle: await world.bundle(leaf), trust };
    },
    check: [verifier('decision/statements.ts', 'below === undefined || leaf < below', 'true')],
  },
  {
    name: 'a stream that no rule is about',
    code: 'no-rule',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [
      verifier('trust/stream-pattern.ts', 'return wanted.every(', 'return true || wanted.every('),
      verifier('trust/stream-pattern.ts', 'segments.length !== wanted.length) return false', 'false) return false'),
    ],
  },
  {
    name: 'a review passed off as a rebuild',
    code: 'unreproduced',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reviewed');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: REPRODUCED };
    },
    check: [verifier('decision/reviews.ts', "of === 'release' && verdict === 'reproduced'", "of === 'release'")],
  },
  {
    name: "a source's review passed off as the release's",
    code: 'unreviewed',
    attempt: async () => {
      const { world, src, leaf } = await withTool();
      await world.review(src.leafHash, 'reviewed');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: REVIEWED };
    },
    check: [verifier('decision/reviews.ts', "of === 'release' && POSITIVE", 'POSITIVE')],
  },
  {
    name: "a release's review passed off as the source's",
    code: 'source-unreviewed',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reviewed');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: SOURCE_REVIEWED };
    },
    check: [verifier('decision/reviews.ts', "of === 'source' && verdict", 'verdict')],
  },
  {
    name: 'one reviewer where two have to agree',
    code: 'unreviewed',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reviewed');
      await world.review(leafHash, 'reproduced');
      return {
        request: tool('tool'),
        bundle: await world.bundle(leaf),
        trust: trustText('release tool/* signed-by acme any-age reviewed-by two'),
      };
    },
    check: [
      verifier('decision/reviews.ts', 'if (agreeing.length >= threshold) return', 'if (agreeing.length > 0) return'),
    ],
  },
  {
    name: 'a vendor that reviews itself under another name',
    code: 'trust-malformed',
    attempt: async () => {
      const world = await World.create();
      const { leaf, leafHash } = await world.say(build({ 'tool.tgz': 'tool' }));
      await world.review(leafHash, 'reproduced', VENDOR_NEXT);
      const trust = `${[...TRUST_HEAD, `reviewer friend ${formatVkey(VENDOR_NEXT.vkey)}`, 'release tool/* signed-by acme any-age reproduced-by friend'].join('\n')}\n`;
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust };
    },
    check: [
      verifier(
        'trust/parse-trust.ts',
        'if (all.some((other) => other !== own && other.issuer === keyName))',
        'if (false)',
      ),
    ],
  },
  {
    name: 'a review of another leaf',
    code: 'review-invalid',
    attempt: async () => {
      const other = (await World.create()).say(build({ 'tool.tgz': 'nice' }));
      const { leafHash: nice } = await other;
      const victim: { leafHash?: Uint8Array } = {};
      // The operator's index says that the review of the other is one of this.
      const mapping: IndexMapping = (entry) => {
        const indexed = statementMapping(entry);
        return indexed?.kind === 'subject' && equalBytes(indexed.subject, nice)
          ? { ...indexed, subject: victim.leafHash! }
          : indexed;
      };
      const world = await World.create({ mapping });
      await world.say(build({ 'tool.tgz': 'nice' }));
      const bad = await world.say(build({ 'tool.tgz': 'tool' }));
      victim.leafHash = bad.leafHash;
      await world.review(nice, 'reproduced');
      return { request: tool('tool'), bundle: await world.bundle(bad.leaf), trust: REPRODUCED };
    },
    check: [verifier('decision/reviews.ts', 'if (!equalBytes(payload.subject, subject.leafHash))', 'if (false)')],
  },
  {
    name: 'a release that a reviewer has rejected',
    code: 'rejected',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reproduced');
      await world.review(leafHash, 'rejected', REVIEWERS[1]);
      const trust = trustText('reviewer-group any any r1 r2', 'release tool/* signed-by acme any-age reviewed-by any');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust };
    },
    check: [verifier('decision/reviews.ts', "if (verdict === 'rejected')", 'if (false)')],
  },
  {
    name: 'a rejection that the bundle leaves out',
    code: 'review-missing',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reproduced');
      const rejection = await world.review(leafHash, 'rejected', REVIEWERS[1]);
      const trust = trustText('reviewer-group any any r1 r2', 'release tool/* signed-by acme any-age reviewed-by any');
      const honest = await world.bundle(leaf);
      const leaves = parseBundle(honest).statements.flatMap(({ index }) => (index === rejection.leaf ? [] : [index]));
      return { request: tool('tool'), bundle: await withStatements(world, honest, leaves), trust };
    },
    check: [
      verifier(
        'decision/reviews.ts',
        "throw new Refusal('review-missing'",
        "return []; throw new Refusal('review-missing'",
      ),
    ],
  },
  {
    name: 'a rejection that the record leaves out too',
    code: 'index-wrong',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reproduced');
      await world.review(leafHash, 'rejected', REVIEWERS[1]);
      const trust = trustText('reviewer-group any any r1 r2', 'release tool/* signed-by acme any-age reviewed-by any');
      const bundle = changed(await world.bundle(leaf), ({ subject }) => ({
        subject: { ...subject, record: subject.record!.filter(({ issuer }) => issuer === REVIEWERS[0].vkey.keyName) },
      }));
      return { request: tool('tool'), bundle, trust };
    },
    check: [
      verifier(
        'decision/index-records.ts',
        'againstIndex(() => verifySubject({ indexRoot, subject, record, proof }));',
        '',
      ),
    ],
  },
  {
    name: 'a junk review in place of a rejection',
    code: 'review-invalid',
    attempt: async () => {
      const { world, leaf, leafHash } = await withTool();
      await world.review(leafHash, 'reproduced');
      await world.review(leafHash, 'rejected', REVIEWERS[1]);
      // Somebody without the reviewer's key says something in its name; the index looks at no signature.
      const thief: PrivateKey = {
        ...OTHER_VENDOR,
        vkey: { ...OTHER_VENDOR.vkey, keyName: REVIEWERS[1].vkey.keyName, keyId: REVIEWERS[1].vkey.keyId },
      };
      await world.review(leafHash, 'reviewed', thief);
      const trust = trustText('reviewer-group any any r1 r2', 'release tool/* signed-by acme any-age reviewed-by any');
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust };
    },
    check: [
      verifier(
        'decision/reviews.ts',
        'const { payload, leaf } = openReview(bundled, reviewer, origin);',
        'let payload!: ReviewPayload; let leaf!: number; try { ({ payload, leaf } = openReview(bundled, reviewer, origin)); } catch { return []; }',
      ),
    ],
  },
  {
    name: 'a withdrawn release',
    code: 'withdrawn',
    attempt: async () => {
      const { world, leaf, leafHash } = await withDaily();
      await world.withdraw(leafHash);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [verifier('decision/standing.ts', "checkNotWithdrawn('release', release, record);", '')],
  },
  {
    name: 'a release whose source was withdrawn',
    code: 'withdrawn',
    attempt: async () => {
      const { world, src, leaf } = await withTool();
      await world.withdraw(src.leafHash);
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    check: [
      verifier(
        'decision/standing.ts',
        "if (source !== undefined) checkNotWithdrawn('source', source, sourceRecord);",
        '',
      ),
    ],
  },
  {
    name: 'a withdrawal that the bundle leaves out',
    code: 'index-wrong',
    attempt: async () => {
      const { world, leaf, leafHash } = await withDaily();
      await world.withdraw(leafHash);
      const bundle = changed(await world.bundle(leaf), ({ subject }) => ({ subject: { ...subject, record: null } }));
      return { request: daily('one'), bundle, trust: DAILY };
    },
    check: [
      verifier(
        'decision/index-records.ts',
        'againstIndex(() => verifySubject({ indexRoot, subject, record, proof }));',
        '',
      ),
    ],
  },
  {
    name: 'an older release where the newest is wanted',
    code: 'superseded',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      await world.say(database(2, 'two'));
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: LATEST };
    },
    check: [verifier('decision/verify.ts', 'if (!isWanted || isLatest) return;', 'return;')],
  },
  {
    name: 'a newer release that the bundle leaves out',
    code: 'index-wrong',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const before = parseBundle(await world.bundle(leaf));
      await world.say(database(2, 'two'));
      const bundle = changed(await world.bundle(leaf), () => ({ stream: before.stream }));
      return { request: daily('one'), bundle, trust: LATEST };
    },
    check: [
      verifier(
        'decision/index-records.ts',
        'againstIndex(() => verifyStream({ indexRoot, stream: streamNameOf(statement), record, proof }));',
        '',
      ),
    ],
  },
  {
    name: 'what is installed, and superseded, where the rule would still take it',
    code: 'superseded',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      await world.say(database(2, 'two'));
      const options = { installed: true };
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, options };
    },
    check: [verifier('decision/verify.ts', 'rule.latest || options.installed === true', 'rule.latest')],
  },
  {
    name: 'an index that nobody has checked',
    code: 'index-unchecked',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return {
        request: daily('one'),
        bundle: await world.bundle(leaf),
        trust: trustText('release daily signed-by acme any-age indexed-by checker'),
      };
    },
    check: [verifier('decision/rule.ts', 'if (rule.indexedBy !== undefined && checkers', 'if (false && checkers')],
  },
  {
    name: "a build that borrows another product's reviewed source",
    code: 'source-other',
    attempt: async () => {
      const world = await World.create();
      const src = await world.say(source('other'));
      await world.review(src.leafHash, 'reviewed');
      const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: SOURCE_REVIEWED };
    },
    check: [verifier('decision/standing.ts', 'of.product === payload.product', 'true')],
  },
  {
    name: 'a build whose source the bundle leaves out',
    code: 'source-unknown',
    attempt: async () => {
      const { world, src, leaf } = await withTool();
      await world.withdraw(src.leafHash);
      const { source: _, ...rest } = parseBundle(await world.bundle(leaf));
      return {
        request: tool('tool'),
        bundle: await withStatements(world, formatBundle(rest), [leaf]),
        trust: TOOL,
      };
    },
    check: [
      verifier(
        'decision/standing.ts',
        'if (bundled === undefined || bundle.source === undefined) {',
        'if (bundled === undefined || bundle.source === undefined) { return undefined;',
      ),
    ],
  },
  {
    name: 'a bundle from long ago',
    code: 'too-old',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: FRESH, now: NOW + 7200 };
    },
    check: [verifier('decision/age.ts', 'if (age > limit)', 'if (false)')],
  },
  {
    name: 'an old checkpoint with one new cosignature',
    code: 'too-old',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const times = [
        [WITNESSES[0], NOW - 9000],
        [WITNESSES[1], NOW - 9000],
        [WITNESSES[2], NOW],
      ] as const;
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust: FRESH };
    },
    check: [verifier('decision/checkpoint-time.ts', 'return quorumSatisfied(policy, witnesses);', 'return true;')],
  },
  {
    name: 'ML-DSA cosignatures without a time',
    code: 'too-old',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const bundle = await world.bundle(leaf, { times: [[ML_DSA_WITNESS, 0]] });
      // Whatever the age may be, it has to be known.
      const trust = trustText('release daily signed-by acme max-age 36500d').replace(
        'quorum witnesses',
        `witness nairobi ${formatVkey(ML_DSA_WITNESS.vkey)}\nquorum nairobi`,
      );
      const options = { schemes: SCHEMES };
      return { request: daily('one'), bundle, trust, options };
    },
    check: [verifier('decision/checkpoint-time.ts', 'time > 0 &&', '')],
  },
  {
    name: 'cosignatures of the future',
    code: 'too-old',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const times = WITNESSES.map((witness) => [witness, NOW + 9000] as const);
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust: FRESH };
    },
    check: [verifier('decision/checkpoint-time.ts', 'time <= now + CLOCK_TOLERANCE', 'true')],
  },
  {
    name: 'a database after its own end',
    code: 'release-expired',
    attempt: async () => {
      const world = await World.create();
      const { leaf } = await world.say(database(1, 'one', NOW));
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY };
    },
    check: [verifier('decision/age.ts', 'payload.expires <= now', 'false')],
  },
  {
    name: 'a trust file after its end',
    code: 'trust-expired',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return {
        request: daily('one'),
        bundle: await world.bundle(leaf),
        trust: `${DAILY}expires 2020-01-01T00:00:00Z\n`,
      };
    },
    check: [verifier('decision/verify.ts', 'trust.expires <= now', 'false')],
  },
  {
    name: 'an older trust file than one that was used',
    code: 'trust-serial',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one', `${DAILY}serial 5\n`);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: `${DAILY}serial 4\n`, state };
    },
    check: [verifier('state/consult.ts', '(serial ?? 0) < state.serial', 'false')],
  },
  {
    name: 'a clock behind the state',
    code: 'clock',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one');
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, state, now: NOW - 500 };
    },
    check: [verifier('state/consult.ts', 'now < state.time - CLOCK_TOLERANCE', 'false')],
  },
  {
    name: 'a release at a lower leaf than the one installed',
    code: 'rollback',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const two = await world.say(database(2, 'two'));
      const state = await installed(world, two.leaf, 'two');
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: DAILY, state };
    },
    check: [
      verifier('state/consult.ts', 'if (release.leaf < installed.leaf)', 'if (false)'),
      verifier('state/consult.ts', '(release.sequence ?? -1) < sequence', 'false'),
    ],
  },
  {
    name: 'an old release logged a second time',
    code: 'rollback',
    attempt: async () => {
      const { world } = await withDaily();
      const two = await world.say(database(2, 'two'));
      const state = await installed(world, two.leaf, 'two');
      const again = await world.say(database(1, 'one'));
      return { request: daily('one'), bundle: await world.bundle(again.leaf), trust: DAILY, state };
    },
    check: [verifier('state/consult.ts', '(release.sequence ?? -1) < sequence', 'false')],
  },
  {
    name: "a vendor's old stream after its key name changed",
    code: 'rollback',
    attempt: async () => {
      const world = await World.create();
      const old = await world.say(build({ 'tool.tgz': 'old' }));
      const renewed = await world.say(build({ 'tool.tgz': 'new' }), OTHER_VENDOR);
      const trust = trustText('release tool/* signed-by other any-age');
      const state = stateAfter({ request: tool('new'), bundle: await world.bundle(renewed.leaf), trust });
      return { request: tool('old'), bundle: await world.bundle(old.leaf), trust: TOOL, state };
    },
    check: [verifier('state/consult.ts', 'if (release.leaf < installed.leaf)', 'if (false)')],
  },
  {
    name: 'a smaller tree than was consulted for the stream',
    code: 'stale',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const before = await world.bundle(leaf);
      await world.say(build({ 'tool.tgz': 'tool' }));
      const state = await installed(world, leaf, 'one');
      return { request: daily('one'), bundle: before, trust: DAILY, state };
    },
    check: [verifier('state/consult.ts', 'seen.size < of.consulted', 'false')],
  },
  {
    name: 'the bundle from before a withdrawal, after the withdrawal was seen',
    code: 'stale',
    attempt: async () => {
      const { world, leaf, leafHash } = await withDaily();
      const before = await world.bundle(leaf);
      await world.withdraw(leafHash);
      const attempt = { request: daily('one'), trust: DAILY };
      const state = stateAfterRefusal({ ...attempt, bundle: await world.bundle(leaf) });
      return { ...attempt, bundle: before, state };
    },
    check: [verifier('state/consult.ts', 'seen.size < of.consulted', 'false')],
  },
  {
    name: 'another tree of the same size',
    code: 'fork',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one');
      const forked = await withDaily('two');
      return { request: daily('two'), bundle: await forked.world.bundle(forked.leaf), trust: DAILY, state };
    },
    check: [
      verifier(
        'state/consult.ts',
        'if (proven === undefined || equalBytes(proven.root, old.root)) continue;',
        'continue;',
      ),
    ],
  },
  {
    name: 'a larger tree that did not grow from the one that was seen',
    code: 'fork',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      const state = await installed(world, leaf, 'one');
      const forked = await withDaily('two');
      const { size } = forked.world.log;
      const { leaf: next } = await forked.world.say(database(2, 'three'));
      return {
        request: daily('three'),
        bundle: await forked.world.bundle(next, { earlier: [size] }),
        trust: DAILY,
        state,
      };
    },
    check: [
      verifier(
        'state/consult.ts',
        'if (proven === undefined || equalBytes(proven.root, old.root)) continue;',
        'continue;',
      ),
    ],
  },
  {
    name: 'a stream with fewer statements than it had',
    code: 'fork',
    attempt: async () => {
      const { world } = await withDaily();
      await world.say(database(2, 'two'));
      const three = await world.say(database(3, 'three'));
      const state = await installed(world, three.leaf, 'three');
      // Another tree, in which the stream began anew; nothing connects the two.
      const forked = await World.create();
      for (const n of [1, 2, 3, 4]) await forked.say(build({ 'tool.tgz': `${n}` }));
      const { leaf } = await forked.say(database(4, 'four'));
      return { request: daily('four'), bundle: await forked.bundle(leaf), trust: DAILY, state };
    },
    check: [verifier('state/consult.ts', 'if (release.count >= least) return;', 'return;')],
  },
  {
    name: 'a manifest that is not the one of the release',
    code: 'manifest-other',
    attempt: async () => {
      const world = await World.create();
      const line = (content: string): Uint8Array =>
        utf8(`${Buffer.from(artifact('tool.tgz', content).sha256).toString('hex')} ${content.length} tool.tgz\n`);
      const listed = line('tool');
      const manifest = {
        name: 'MANIFEST',
        size: listed.length,
        sha256: artifact('', new TextDecoder().decode(listed)).sha256,
      };
      const { leaf } = await world.say({ type: 'build', product: 'tool', version: '1', channel: 'stable', manifest });
      return { request: tool('evil'), bundle: await world.bundle(leaf, { manifest: line('evil') }), trust: TOOL };
    },
    check: [
      verifier(
        'decision/artifact.ts',
        'manifest.length !== expected.size || !equalBytes(sha256(manifest), expected.sha256)',
        'false',
      ),
    ],
  },
  {
    name: 'a receipt in place of a bundle',
    code: 'bundle-unreadable',
    attempt: async () => {
      const { world, leaf } = await withDaily();
      return { request: daily('one'), bundle: await transparent(world, leaf), trust: DAILY };
    },
    check: [],
  },
  {
    name: 'a proof about a statement in place of a bundle',
    code: 'bundle-unreadable',
    attempt: async () => ({
      request: daily('one'),
      bundle: encodeCbor(
        new Map<string, number | string>([
          ['v', 1],
          ['type', 'stream'],
        ]),
      ),
      trust: DAILY,
    }),
    check: [],
  },
  ...CORNER_ATTACKS,
];
