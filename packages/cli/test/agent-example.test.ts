import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { formatManifest } from '@vitrine/signer';
import { formatState } from '@vitrine/verifier';
import { expect, test } from 'vitest';
import { type AgentOptions, type FedRelease, Feed, NAME, STREAM } from './support/agent-feed.ts';
import { serving } from './support/feed-server.ts';
import { write } from './support/releases.ts';
import { WITNESS_ML_DSA_KEY } from './support/workspace.ts';

// Larger than what a delta of it needs.
const text = (version: number): string => `${version}\n${'rule\n'.repeat(200)}`;

/** Without zstd, whatever the machine has. */
const NO_ZSTD = { PATH: '/nonexistent' };

/** Puts a program in place of zstd. It is a line of the shell. */
function standIn(feed: Feed, line: string): { PATH: string } {
  write(feed.w, { 'bin/zstd': `#!/bin/sh\n${line}\n` });
  chmodSync(feed.w.path('bin/zstd'), 0o755);
  return { PATH: `${feed.w.path('bin')}:/usr/bin:/bin` };
}

/** Puts something into the feed where an agent that has a release looks for a delta. */
function offerDelta(feed: Feed, { sha256 }: FedRelease, delta: string | Uint8Array = 'a delta'): void {
  write(feed.w, { [`feed/${NAME}.from-${sha256}.zst`]: delta });
}

/** That an agent says no, and leaves all that was current as it was. */
async function expectKept(feed: Feed, status: number, message: RegExp, options: AgentOptions = {}): Promise<void> {
  const before = feed.installed();
  const refused = await feed.update(options);
  expect({ status: refused.status, stdout: refused.stdout }).toEqual({ status, stdout: '' });
  expect(refused.stderr).toMatch(message);
  expect(feed.installed()).toEqual(before);
}

function leafIn({ state }: { state: NonNullable<ReturnType<Feed['installed']>>['state'] }): number | undefined {
  return state.streams[0]?.installed?.leaf;
}

/** That nothing of a delta is left. */
function expectNothingElse(feed: Feed): void {
  expect(readdirSync(feed.w.path('installed/current')).sort()).toEqual([NAME, `${NAME}.state`, `${NAME}.vitrine`]);
}

test('installs a first release from a directory, with its bundle and the state', async () => {
  const feed = await Feed.create();
  const first = await feed.ship(text(1));
  expect(await feed.update()).toMatchObject({ status: 0, stdout: `agent: ${STREAM}: installed, leaf 2\n`, stderr: '' });
  const installed = feed.installed()!;
  expect(installed).toMatchObject({ generation: 'releases/1', content: first.content });
  expect(leafIn(installed)).toBe(first.leaf);
  const verified = await feed.w.run(['verify', `installed/current/${NAME}`, '--trust', 'trust']);
  expect(verified).toMatchObject({ status: 0, stdout: expect.stringContaining(`${NAME}  OK`) });
});

test('updates from a web server, and of a release that it has fetches no more than the bundle', async () => {
  const feed = await Feed.create();
  const { from, asked } = await serving(feed);
  const first = await feed.ship(text(1));
  expect(await feed.update({ from })).toMatchObject({ status: 0, stderr: '' });
  expect(asked.splice(0)).toEqual([`${NAME}.vitrine`, NAME]);
  await feed.append({ type: 'database', name: 'other', sequence: 1, artifacts: [artifactOf('x')] });
  feed.serve({ content: first.content, bundle: await feed.bundle(first.leaf) });
  const before = feed.installed()!;
  expect(await feed.update({ from })).toMatchObject({
    status: 0,
    stdout: `agent: ${STREAM}: still the newest, leaf 2\n`,
  });
  expect(asked.splice(0)).toEqual([`${NAME}.vitrine`]);
  const after = feed.installed()!;
  expect(after.content).toEqual(first.content);
  // The newer tree is remembered all the same, and the file not copied.
  expect(after.state.streams[0]!.consulted).toBeGreaterThan(before.state.streams[0]!.consulted);
  expect(statSync(feed.w.path('installed', before.generation, NAME)).ino).toBe(
    statSync(feed.w.path('installed', after.generation, NAME)).ino,
  );
});

function artifactOf(name: string): { name: string; size: number; sha256: Uint8Array } {
  return { name, size: 1, sha256: new Uint8Array(32) };
}

test('updates by a delta, and does not fetch the whole file then', async () => {
  const feed = await Feed.create();
  const { from, asked } = await serving(feed);
  const first = await feed.ship(text(1));
  await feed.update({ from });
  const second = await feed.ship(text(2));
  offerDelta(feed, first);
  asked.splice(0);
  const env = standIn(feed, `cat ${feed.w.path('feed', NAME)}`);
  expect(await feed.update({ from, env })).toMatchObject({
    status: 0,
    stdout: `agent: ${STREAM}: installed by a delta, leaf ${second.leaf}\n`,
    stderr: '',
  });
  expect(asked).toEqual([`${NAME}.vitrine`, `${NAME}.from-${first.sha256}.zst`]);
  const installed = feed.installed()!;
  expect(installed.content).toEqual(second.content);
  expect(leafIn(installed)).toBe(second.leaf);
  expectNothingElse(feed);
});

test.each([
  ['zstd is not there', undefined, 'a delta', /spawn zstd ENOENT/],
  ['zstd fails, even behind the right bytes', 'cat feed/daily.db; exit 1', 'a delta', /zstd cannot apply it/],
  ['zstd is killed', 'cat feed/daily.db; kill -9 $$', 'a delta', /zstd cannot apply it/],
  ['it leads to another file of the same size', 'tr 2 3 < feed/daily.db', 'a delta', /it leads to another file/],
  ['it leads to a shorter file', 'echo 2', 'a delta', /it leads to another file/],
  ['it leads to a file without end', 'yes', 'a delta', /zstd cannot apply it/],
  ['there is none', 'cat feed/daily.db', undefined, /404 Not Found/],
])('fetches the whole file if %s', async (_, line, delta, message) => {
  const feed = await Feed.create();
  const { from, asked } = await serving(feed);
  const first = await feed.ship(text(1));
  await feed.update({ from });
  const second = await feed.ship(text(2));
  if (delta !== undefined) offerDelta(feed, first, delta);
  const updated = await feed.update({ from, env: line === undefined ? NO_ZSTD : standIn(feed, line) });
  expect(updated).toMatchObject({ status: 0, stdout: `agent: ${STREAM}: installed, leaf ${second.leaf}\n` });
  expect(updated.stderr).toMatch(/^agent: no delta, so the whole file is fetched: /);
  expect(updated.stderr).toMatch(message);
  expect(asked.at(-1)).toBe(NAME);
  expectNothingElse(feed);
  expect(feed.installed()).toMatchObject({ content: second.content });
});

test('a delta that is larger than the file is not taken off the network', async () => {
  const feed = await Feed.create();
  const first = await feed.ship(text(1));
  await feed.update();
  const second = await feed.ship(text(2));
  const { from } = await serving(feed, (name, response) => name.endsWith('.zst') && endless(response));
  // Such a program would have been able to apply it.
  const env = standIn(feed, `for last; do :; done; cp "$last" ${feed.w.path('taken')}; cat feed/daily.db`);
  offerDelta(feed, first);
  expect(await feed.update({ from, env })).toMatchObject({ status: 0 });
  expect(feed.installed()).toMatchObject({ content: second.content });
  expect(statSync(feed.w.path('taken')).size).toBeLessThanOrEqual(second.content.length + 1);
});

/** Answers without end, until the other side has enough. */
function endless(response: ServerResponse): true {
  const chunk = Buffer.alloc(1 << 16, 'rule\n');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
  return true;
}

test.each([
  ['has changed', (content: Uint8Array) => content.map((byte, i) => (i === 7 ? byte ^ 1 : byte)), 'artifact-other'],
  ['was cut off', (content: Uint8Array) => content.subarray(1), 'size-other'],
  ['has more behind it', (content: Uint8Array) => Buffer.concat([content, content]), 'size-other'],
])('refuses a file that %s, and keeps the old release', async (_, change, code) => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  const second = await feed.release(text(2));
  feed.serve({ ...second, content: change(second.content) });
  await expectKept(feed, 1, new RegExp(`\nagent: ${code}: `), { env: NO_ZSTD });
  feed.serve(second);
  expect(await feed.update()).toMatchObject({ status: 0 });
  expect(feed.installed()).toMatchObject({ content: second.content });
});

test.each([
  [NAME, /agent: size-other: /],
  [`${NAME}.vitrine`, /agent: bundle-unreadable: /],
])('%s without end is not taken off the network', async (endlessName, message) => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  await feed.ship(text(2));
  const { from } = await serving(feed, (name, response) => name === endlessName && endless(response));
  await expectKept(feed, 1, message, { from, env: NO_ZSTD });
  // Or a disk that was filled would stay full.
  expect(readdirSync(feed.w.path('installed/releases'))).toEqual(['1']);
});

test('a lock that cannot be opened any more is made anew', async () => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  feed.w.write('installed/lock/CURRENT', '');
  await feed.ship(text(2));
  expect(await feed.update()).toMatchObject({ status: 0 });
});

test('does not fetch a release that is larger than it takes', async () => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  feed.serve(await feed.release(text(2), { size: 1e9 + 1 }));
  const { from, asked } = await serving(feed);
  await expectKept(feed, 3, /daily\.db has 1000000001 bytes/, { from });
  expect(asked).toEqual([`${NAME}.vitrine`]);
});

test('remembers a withdrawal, so that the bundle of before is stale, and keeps the old release', async () => {
  const feed = await Feed.create();
  const first = await feed.ship(text(1));
  await feed.update();
  const second = await feed.ship(text(2));
  await feed.withdraw(second);
  feed.serve({ ...second, bundle: await feed.bundle(second.leaf) });
  const { from, asked } = await serving(feed);
  const refused = await feed.update({ from });
  expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^agent: withdrawn: /) });
  // It was never fetched.
  expect(asked).toEqual([`${NAME}.vitrine`]);
  const kept = feed.installed()!;
  expect(kept).toMatchObject({ generation: 'releases/2', content: first.content });
  expect(leafIn(kept)).toBe(first.leaf);
  expect(new Uint8Array(feed.w.read(`installed/current/${NAME}.vitrine`))).toEqual(first.bundle);
  feed.serve(second);
  await expectKept(feed, 1, /^agent: stale: /);
  const third = await feed.ship(text(3));
  expect(await feed.update()).toMatchObject({ status: 0 });
  expect(feed.installed()).toMatchObject({ content: third.content });
});

test('remembers a withdrawal also if nothing is installed yet', async () => {
  const feed = await Feed.create();
  const first = await feed.release(text(1));
  await feed.withdraw(first);
  feed.serve({ ...first, bundle: await feed.bundle(first.leaf) });
  expect(await feed.update()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^agent: withdrawn: /) });
  expect(readdirSync(feed.w.path('installed/current'))).toEqual([`${NAME}.state`]);
  feed.serve(first);
  expect(await feed.update()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^agent: stale: /) });
  const second = await feed.ship(text(2));
  expect(await feed.update()).toMatchObject({ status: 0 });
  expect(feed.installed()).toMatchObject({ content: second.content });
});

test('refuses an older release, by its old bundle and by a new one', async () => {
  const feed = await Feed.create();
  const first = await feed.release(text(1));
  await feed.ship(text(2));
  await feed.update();
  feed.serve(first);
  await expectKept(feed, 1, /^agent: stale: /);
  feed.serve({ ...first, bundle: await feed.bundle(first.leaf) });
  await expectKept(feed, 1, /^agent: rollback: /);
});

test('takes a release whose files are in a manifest, on the word of a witness with a key of ML-DSA', async () => {
  const feed = await Feed.create({ witness: WITNESS_ML_DSA_KEY });
  const { content } = await feed.release(text(1));
  const hashed = (bytes: Uint8Array): { size: number; sha256: Uint8Array } => ({
    size: bytes.length,
    sha256: new Uint8Array(createHash('sha256').update(bytes).digest()),
  });
  const manifest = formatManifest([
    { name: NAME, ...hashed(content) },
    { name: 'other', ...hashed(new Uint8Array(1)) },
  ]);
  const leaf = await feed.append({
    type: 'database',
    name: STREAM,
    sequence: 9,
    manifest: { name: 'MANIFEST', ...hashed(manifest) },
  });
  feed.serve({ content, bundle: await feed.bundle(leaf, manifest) });
  expect(await feed.update()).toMatchObject({ status: 0, stdout: `agent: ${STREAM}: installed, leaf ${leaf}\n` });
  feed.serve({ content, bundle: await feed.bundle(leaf) });
  await expectKept(feed, 1, /^agent: manifest-other: /);
});

test('puts back an installed file that was damaged', async () => {
  const feed = await Feed.create();
  const first = await feed.ship(text(1));
  await feed.update();
  feed.w.write(`installed/current/${NAME}`, 'damaged');
  expect(await feed.update()).toMatchObject({ status: 0, stdout: `agent: ${STREAM}: installed, leaf 2\n` });
  expect(feed.installed()).toMatchObject({ content: first.content });
});

test('an agent whose state is lost or damaged does not begin anew', async () => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  const path = `installed/current/${NAME}.state`;
  feed.w.write(path, 'damaged');
  await feed.ship(text(2));
  const before = feed.w.files('installed/releases/1');
  expect(await feed.update()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^agent: state-malformed: /) });
  rmSync(feed.w.path(path));
  expect(await feed.update()).toMatchObject({ status: 3, stderr: expect.stringContaining('ENOENT') });
  expect(feed.w.files('installed/current/.')).toEqual(before.filter((name) => !name.endsWith('.state')));
});

test('keeps the evidence of a fork, and the first of it', async () => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  const { state } = feed.installed()!;
  // As if another tree of that size had been shown before.
  const [log] = state.logs;
  const largest = { ...log!.largest, root: new Uint8Array(32) };
  feed.w.write(`installed/current/${NAME}.state`, formatState({ ...state, logs: [{ ...log!, largest }] }));
  const second = await feed.ship(text(2));
  await expectKept(feed, 1, /^agent: fork: /);
  expect(feed.w.files('installed/fork')).toEqual(['1', '2', '3']);
  expect(feed.w.read('installed/fork/1')).toEqual(Buffer.from(log!.largest.checkpoint));
  expect(feed.w.read('installed/fork/2').toString()).toMatch(/^example.com\/log\n/);
  expect(new Uint8Array(feed.w.read('installed/fork/3'))).toEqual(second.bundle);
  await feed.ship(text(3));
  await expectKept(feed, 1, /^agent: fork: /);
  expect(new Uint8Array(feed.w.read('installed/fork/3'))).toEqual(second.bundle);
});

test('two agents do not work on one directory, also if one is suspended; of one that was killed nothing stays', async () => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  await feed.update();
  const second = await feed.ship(text(2));
  let reached = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const { from } = await serving(feed, (name, response) => {
    if (name !== NAME) return false;
    response.write('2\n');
    reached();
    return true;
  });
  const holder = feed.start({ from, env: NO_ZSTD });
  await waiting;
  holder.kill('SIGSTOP');
  await expectKept(feed, 3, /^agent: another agent is at work in .*installed\n$/);
  const closed = once(holder, 'close');
  holder.kill('SIGKILL');
  await closed;
  expect(readdirSync(feed.w.path('installed/releases')).sort()).toEqual(['1', '2']);
  // What else a killed process can leave.
  symlinkSync('releases/2', feed.w.path('installed/current.new'));
  mkdirSync(feed.w.path('installed/releases/17'));
  expect(await feed.update()).toMatchObject({ status: 0 });
  expect(feed.installed()).toMatchObject({ generation: 'releases/2', content: second.content });
  expect(readdirSync(feed.w.path('installed/releases')).sort()).toEqual(['1', '2']);
  expect(readdirSync(feed.w.path('installed')).sort()).toEqual(['current', 'lock', 'releases']);
});

test('a server that does not answer is not waited for longer than --timeout', async () => {
  const feed = await Feed.create();
  const { content } = await feed.ship(text(1));
  await feed.update();
  await feed.ship(text(2));
  for (const silent of [`${NAME}.vitrine`, NAME]) {
    const { from } = await serving(feed, (name, response) => {
      if (name !== silent) return false;
      response.write(content.subarray(0, 1));
      return true;
    });
    await expectKept(feed, 3, /timeout/, { from, env: NO_ZSTD, more: ['--timeout', '2'] });
  }
  const env = standIn(feed, 'exec sleep 600');
  const files = await serving(feed, (name, response) => name.endsWith('.zst') && Boolean(response.end('a delta')));
  await expectKept(feed, 3, /timeout/, { from: files.from, env, more: ['--timeout', '2'] });
});

test.each([
  ['no file of that name', { from: 'nowhere' }, 3, /ENOENT.*nowhere\/daily\.db\.vitrine/],
  ['nobody there', { from: 'http://127.0.0.1:9' }, 3, /ECONNREFUSED|bad port/],
  ['another stream', { more: ['--stream', 'other'] }, 1, /^agent: stream-other: /],
  ['another name', { more: ['--name', 'about'] }, 3, /ENOENT.*about\.vitrine/],
  ['a name with a directory', { more: ['--name', '../daily.db'] }, 2, /^agent: --name .*\nusage: /],
  ['an unknown option', { more: ['--jason'] }, 2, /^agent: .*\nusage: /],
  ['an empty option', { more: ['--stream', ''] }, 2, /^agent: --stream is missing\nusage: /],
  ['a time-out that is none', { more: ['--timeout', '0'] }, 2, /^agent: --timeout .*\nusage: /],
])('with %s nothing is installed', async (_, options, status, message) => {
  const feed = await Feed.create();
  await feed.ship(text(1));
  const { stdout, ...found } = await feed.update(options);
  expect({ stdout, status: found.status }).toEqual({ stdout: '', status });
  expect(found.stderr).toMatch(message);
  expect(feed.installed()).toBeUndefined();
});
