import { formatVkey, privateKeyFromSeed, sha256 } from '@vitrine/core';
import { changed, DAILY, daily, FRESH, LATEST, TOOL, tool, trustText, withDaily, withTool } from '../attempt.ts';
import {
  artifact,
  build,
  database,
  download,
  INDEX_CHECKER,
  LOG_KEY,
  NOW,
  ORIGIN,
  OTHER_CHECKER,
  OTHER_VENDOR,
  TRUST_HEAD,
  utf8,
  VENDOR,
  WITNESSES,
  World,
} from '../world.ts';
import { accepted, type CaseInput, type ConformanceCase, refused } from './case.ts';

const OTHER_LOG = privateKeyFromSeed('other.example/log', 0x01, new Uint8Array(32).fill(78));

/** The release of the day with these release lines. */
async function under(...lines: readonly string[]): Promise<CaseInput> {
  const { world, leaf } = await withDaily();
  return { request: daily('one'), bundle: await world.bundle(leaf), trust: trustText(...lines) };
}

/** A build for a platform with these release lines. */
async function builtUnder(pattern: string): Promise<CaseInput> {
  const world = await World.create();
  const { leaf } = await world.say(build({ 'tool.tgz': 'tool' }, { platform: 'linux-x64' }));
  return {
    request: { stream: 'tool/stable/linux-x64', ...download('tool') },
    bundle: await world.bundle(leaf),
    trust: trustText(`release ${pattern} signed-by acme any-age`),
  };
}

async function withTwoArtifacts(name: string): Promise<CaseInput> {
  const world = await World.create();
  const { leaf } = await world.say(build({ 'a.tgz': 'aaa', 'b.tgz': 'bbb' }));
  return { request: { ...tool('bbb'), name }, bundle: await world.bundle(leaf), trust: TOOL };
}

const manifestLine = (name: string, content: string): string =>
  `${Buffer.from(sha256(utf8(content))).toString('hex')} ${content.length} ${name}\n`;

/** A build with a manifest of these lines, which the bundle has. */
async function withManifest(text: string, name?: string): Promise<CaseInput> {
  const world = await World.create();
  const manifest = { name: 'MANIFEST', size: text.length, sha256: artifact('', text).sha256 };
  const { leaf } = await world.say({ type: 'build', product: 'tool', version: '1', channel: 'stable', manifest });
  const bundle = await world.bundle(leaf, { manifest: utf8(text) });
  return { request: { ...tool('bbb'), ...(name !== undefined && { name }) }, bundle, trust: TOOL };
}

const CHECKED_BY_BOTH = trustText(
  `witness checker2 ${formatVkey(OTHER_CHECKER.vkey)}`,
  'group inner any checker2',
  'group checkers all checker inner',
  'release daily signed-by acme any-age indexed-by checkers',
);

/** Two logs, of which the release line names one. */
const twoLogs = (origin: string): string =>
  `${[`log ${formatVkey(OTHER_LOG.vkey)}`, ...TRUST_HEAD, 'indexed other.example/log', `release daily in ${origin} signed-by acme any-age`].join('\n')}\n`;

/** What was asked for, the artifact, and the release line. */
export const REQUEST_CASES: readonly ConformanceCase[] = [
  accepted('a release of a database', () => under('release daily signed-by acme any-age'), {
    release: { type: 'database', stream: 'daily', sequence: 1, leaf: 0 },
    latest: true,
    count: 1,
    consistency: 'none',
    trust: { line: 15 },
  }),
  accepted(
    'a build with its source',
    async () => {
      const { world, leaf } = await withTool();
      return { request: tool('tool'), bundle: await world.bundle(leaf), trust: TOOL };
    },
    { release: { type: 'build', version: '1', leaf: 2 }, source: { leaf: 0 }, reviews: [] },
  ),
  accepted('an artifact by its name, of a build with two', () => withTwoArtifacts('b.tgz')),
  refused('artifact-unknown', 'an artifact by a name that the release lacks', () => withTwoArtifacts('c.tgz')),
  refused('artifact-unknown', 'an artifact by its name in other letters', () => withTwoArtifacts('B.tgz')),
  refused('size-other', 'a download of another size and another digest', async () => {
    const { world, leaf } = await withDaily();
    return { request: daily('three'), bundle: await world.bundle(leaf), trust: DAILY };
  }),
  accepted('an artifact of a manifest', () =>
    withManifest(`${manifestLine('a/b.tgz', 'aaa')}${manifestLine('a/c.tgz', 'bbb')}`, 'a/c.tgz'),
  ),
  accepted('the only artifact of a manifest', () => withManifest(manifestLine('b.tgz', 'bbb'))),
  refused('artifact-unknown', 'no name, of a manifest with two artifacts', () =>
    withManifest(`${manifestLine('a.tgz', 'aaa')}${manifestLine('b.tgz', 'bbb')}`),
  ),
  refused('manifest-other', 'a manifest whose lines are out of order', () =>
    withManifest(`${manifestLine('b.tgz', 'bbb')}${manifestLine('a.tgz', 'aaa')}`, 'b.tgz'),
  ),
  refused('manifest-other', 'a manifest with a path out of its directory', () =>
    withManifest(`${manifestLine('../b.tgz', 'bbb')}`),
  ),
  refused('manifest-other', 'a manifest without its last newline', () =>
    withManifest(manifestLine('b.tgz', 'bbb').trimEnd()),
  ),
  accepted('a manifest for a release that has none', async () => {
    const { world, leaf } = await withDaily();
    const bundle = changed(await world.bundle(leaf), () => ({ manifest: utf8('anything') }));
    return { request: daily('one'), bundle, trust: DAILY };
  }),
  ...['tool/stable/linux-x64', 'tool/*/linux-x64', 'tool/stable/*', 'tool/**', 'tool/*/**', '**'].map((pattern) =>
    accepted(
      `a build for a platform under the pattern ${pattern.replaceAll('**', 'rest').replaceAll('*', 'any')}`,
      () => builtUnder(pattern),
    ),
  ),
  ...['tool/stable', 'tool/*', '*', 'tool/stable/linux-x64/**', 'other/**', 'tool/stable/linux'].map((pattern) =>
    refused(
      'no-rule',
      `a build for a platform under the pattern ${pattern.replaceAll('**', 'rest').replaceAll('*', 'any')}`,
      () => builtUnder(pattern),
    ),
  ),
  accepted(
    'the first of two lines that fit',
    () =>
      under(
        'release tool signed-by acme any-age',
        'release * signed-by acme any-age',
        'release daily signed-by other any-age',
      ),
    { trust: { line: 16 } },
  ),
  refused('no-rule', 'a trust file without a release line', () => under()),
  accepted(
    'the newest release where the newest is wanted',
    async () => {
      const { world } = await withDaily();
      const { leaf } = await world.say(database(2, 'two'));
      return { request: daily('two'), bundle: await world.bundle(leaf), trust: LATEST };
    },
    { latest: true, count: 2 },
  ),
  accepted(
    'an older release where any will do',
    async () => {
      const { world, leaf } = await withDaily();
      await world.say(database(2, 'two'));
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: FRESH };
    },
    { latest: false, count: 2 },
  ),
  refused('superseded', 'an older release and another download', async () => {
    const { world, leaf } = await withDaily();
    await world.say(database(2, 'two'));
    return { request: daily('two'), bundle: await world.bundle(leaf), trust: LATEST };
  }),
  accepted(
    'a newer release of the same name by another vendor',
    async () => {
      const { world, leaf } = await withDaily();
      await world.say(database(2, 'two'), OTHER_VENDOR);
      return { request: daily('one'), bundle: await world.bundle(leaf), trust: LATEST };
    },
    { latest: true, count: 1 },
  ),
  accepted(
    'an index that its checker has cosigned',
    async () => {
      const { world, leaf } = await withDaily();
      const times = [...WITNESSES, INDEX_CHECKER].map((witness) => [witness, NOW - 60] as const);
      const trust = trustText('release daily signed-by acme any-age indexed-by checker');
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust };
    },
    { index: { checkedBy: ['checker'] } },
  ),
  accepted(
    'an index that a group of groups has checked',
    async () => {
      const { world, leaf } = await withDaily();
      const times = [OTHER_CHECKER, ...WITNESSES, INDEX_CHECKER].map((witness) => [witness, NOW - 60] as const);
      return { request: daily('one'), bundle: await world.bundle(leaf, { times }), trust: CHECKED_BY_BOTH };
    },
    { index: { checkedBy: ['checker2', 'checker'] } },
  ),
  accepted('the log that the line names, of two', async () => {
    const { world, leaf } = await withDaily();
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: twoLogs(ORIGIN) };
  }),
  refused('log-other', 'the other log than the one that the line names', async () => {
    const { world, leaf } = await withDaily();
    return { request: daily('one'), bundle: await world.bundle(leaf), trust: twoLogs('other.example/log') };
  }),
  accepted(
    'names in the trust file that are no UTF-8',
    async () => {
      const { world, leaf } = await withDaily();
      const text = trustText('release daily signed-by acm\u{1}e any-age').replace('signer acme', 'signer acm\u{1}e');
      // An octet that begins a character of two octets, and nothing behind it.
      const trust = utf8(text).map((octet) => (octet === 0x01 ? 0xc3 : octet));
      return { request: daily('one'), bundle: await world.bundle(leaf), trust };
    },
    { release: { signer: 'acm\\xc3e', issuer: VENDOR.vkey.keyName } },
  ),
  accepted('two keys of a log, of which one has signed', async () => {
    const { world, leaf } = await withDaily();
    const next = privateKeyFromSeed(LOG_KEY.vkey.keyName, 0x01, new Uint8Array(32).fill(79));
    return {
      request: daily('one'),
      bundle: await world.bundle(leaf),
      trust: `log ${formatVkey(next.vkey)}\n${DAILY}`,
    };
  }),
];
