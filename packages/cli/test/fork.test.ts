import { mkdirSync, readdirSync } from 'node:fs';
import { formatVkey, parseSignedNote } from '@vitrine/core';
import { expect, test } from 'vitest';
import { done } from './support/releases.ts';
import { type ServingCommand, startServing } from './support/serving.ts';
import { createStatementLog, VENDOR_KEY, workspaceWithStatements } from './support/statement-workspace.ts';
import { LOG_KEY, type Transcript, type Workspace } from './support/workspace.ts';

// One key, two histories: what a witness, an agent and an auditor make of that.

interface Both {
  readonly one: ServingCommand;
  readonly other: ServingCommand;
}

const logLine = (): string => `log ${formatVkey(LOG_KEY.vkey)}`;

/** Serves two histories of one log, each at a URL of its own: the twin begins as the log does. */
async function serveBoth(w: Workspace, policies: { readonly one: string; readonly other: string }): Promise<Both> {
  await createStatementLog(w, 'twin');
  w.write('one.policy', policies.one);
  w.write('other.policy', policies.other);
  const serve = (log: string, policy: string): Promise<ServingCommand> =>
    startServing(w, ['serve', '--log', log, '--policy', policy, '--start-unwitnessed', '--listen', '127.0.0.1:0']);
  return { one: await serve('log', 'one.policy'), other: await serve('twin', 'other.policy') };
}

/** Starts a witness of the log, and gives its line of a policy. */
async function startWitness(w: Workspace, name: string): Promise<string> {
  const key = ['key', 'generate', `${name}.example/witness`, '--type', 'ed25519-cosignature', '--out', `${name}.key`];
  const { stdout: vkey } = await done(w, key);
  w.write('logs', `${logLine()}\nquorum none\n`);
  mkdirSync(w.path(`${name}.state`));
  const files = ['--key', `${name}.key`, '--policy', 'logs', '--state', `${name}.state`];
  const { url } = await startServing(w, ['witness', 'serve', ...files, '--listen', '127.0.0.1:0']);
  return `witness ${name} ${vkey.trim()} ${url}`;
}

/** Each history has a witness of its own, and an agent takes either. A release in each: `tool-a` and `tool-b`. */
async function releasedTwice(): Promise<Both & { readonly w: Workspace }> {
  const w = await workspaceWithStatements();
  const lines = [await startWitness(w, 'north'), await startWitness(w, 'south')];
  const both = await serveBoth(w, {
    one: `${logLine()}\n${lines[0]}\nquorum north\n`,
    other: `${logLine()}\n${lines[1]}\nquorum south\n`,
  });
  const policy = [logLine(), ...lines, 'group some any north south', 'quorum some'];
  w.write('any.policy', `${policy.join('\n')}\n`);
  const rules = [
    'indexed example.com/log',
    `signer acme ${formatVkey(VENDOR_KEY.vkey)}`,
    'release tool/stable signed-by acme max-age 1h',
  ];
  w.write('trust', `${[...policy, ...rules].join('\n')}\n`);
  await release(w, 'tool-a', both.one.url, 'one.policy');
  await release(w, 'tool-b', both.other.url, 'other.policy');
  return { w, ...both };
}

const verify = (w: Workspace, file: string, state: string): Promise<Transcript> =>
  w.run(['verify', file, '--trust', 'trust', '--stream', 'tool/stable', '--state', state]);

const RELEASE = ['--product', 'tool', '--version', '1', '--channel', 'stable', '--key', 'vendor.key'];

/** Releases a file by the log at a URL; its bundle is beside it. */
async function release(w: Workspace, name: string, url: string, policy: string): Promise<void> {
  w.write(name, name);
  await done(w, [
    'release',
    'build',
    name,
    ...RELEASE,
    '--log',
    url,
    '--bundle',
    `${name}.vitrine`,
    '--policy',
    policy,
  ]);
}

test('a witness refuses the second of two histories, keeps both notes, and says so', async () => {
  const w = await workspaceWithStatements();
  const policy = `${logLine()}\n${await startWitness(w, 'north')}\nquorum north\n`;
  const { one, other } = await serveBoth(w, { one: policy, other: policy });
  await release(w, 'tool-a', one.url, 'one.policy');
  w.write('tool-b', 'tool-b');
  await done(w, ['release', 'build', 'tool-b', ...RELEASE, '--log', other.url]);
  await expect.poll(() => other.said()).toMatch(/it answers 422/);

  const [evidence, ...more] = readdirSync(w.path('north.state', 'evidence'));
  expect(more).toEqual([]);
  const { kind, notes } = JSON.parse(w.read(`north.state/evidence/${evidence}`).toString());
  expect(kind).toBe('two-roots');
  const heads = (notes as string[]).map((note) => parseSignedNote(new TextEncoder().encode(note)).text.split('\n'));
  expect(heads.map(([origin, size]) => [origin, size])).toEqual([
    ['example.com/log', '4'],
    ['example.com/log', '4'],
  ]);
  expect(heads[0]![2]).not.toBe(heads[1]![2]);
  // What everybody is shown of the second history is what both have.
  expect(await (await fetch(`${other.url}/checkpoint`)).text()).toMatch(/^example\.com\/log\n2\n/);
  expect(await w.run(['witness', 'status', '--policy', 'other.policy', '--log', other.url])).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('ANOTHER TREE'),
    stderr: expect.stringContaining('witness-differs: north shows another tree of 4 entries'),
  });
});

test('an agent that meets both histories at one size refuses the second, with both notes', async () => {
  const { w } = await releasedTwice();
  const first = await verify(w, 'tool-a', 'state');
  expect(first.status, first.stderr).toBe(0);
  const second = await verify(w, 'tool-b', 'state');
  expect(second).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vitrine: fork: /m) });
  const kept = ['state.fork-1', 'state.fork-2'].map((name) =>
    parseSignedNote(new Uint8Array(w.read(name))).text.split('\n'),
  );
  expect(kept.map(([, size]) => size)).toEqual(['4', '4']);
  expect(kept[0]![2]).not.toBe(kept[1]![2]);
  // By itself it is as good as the first.
  expect(await verify(w, 'tool-b', 'fresh')).toMatchObject({ status: 0 });
});

test('at different sizes the agent keeps both notes, and a proof settles them', async () => {
  const { w, one, other } = await releasedTwice();
  expect(await verify(w, 'tool-a', 'state')).toMatchObject({ status: 0 });
  await release(w, 'tool-c', other.url, 'other.policy');
  const unproven = await verify(w, 'tool-c', 'state');
  expect(unproven.status, unproven.stderr).toBe(0);
  expect(unproven.stdout).toContain('growth     not shown from the tree that was seen before');
  expect((await done(w, ['inspect', 'state'])).stdout).toContain('not connected with it: 4');

  const settle = async (url: string): Promise<Transcript> => {
    w.write('growth', (await done(w, ['prove', 'consistency', '4', '--log', url])).stdoutBytes);
    return w.run(['verify', '--consistency', 'growth', '--from', 'state', '--policy', 'any.policy']);
  };
  expect(await settle(other.url)).toMatchObject({ status: 1, stderr: expect.stringContaining('proof-mismatch') });
  // The honest side can show that it grew.
  await release(w, 'tool-d', one.url, 'one.policy');
  expect(await settle(one.url)).toMatchObject({ status: 0, stdout: expect.stringContaining('the log only grew') });
  // Of a tree that the agent never saw there is nothing to settle.
  w.write('growth', (await done(w, ['prove', 'consistency', '2', '--log', one.url])).stdoutBytes);
  expect(await w.run(['verify', '--consistency', 'growth', '--from', 'state', '--policy', 'any.policy'])).toMatchObject(
    {
      status: 1,
      stderr: expect.stringContaining('of the checkpoints of example.com/log the state has those of 4, 6 entries'),
    },
  );
});
