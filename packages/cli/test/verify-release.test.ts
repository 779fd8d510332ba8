import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readFileSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { THEN, TRUST, verifyDownload, workspaceOfAgent, writeTrust } from './support/agent-workspace.ts';
import { parseAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';

const OK = `av-1.2  OK
  release    acme-av/stable 1.2, signed by acme 2023-11-14T22:13:20Z
  logged     leaf 10 of example.com/log, tree size 22
  witnessed  1 of 1, needed 1: w4 (60 s ago)
  reviewed   by nobody whom the trust file names
  latest     yes (by the log's own index)
`;

test('verify --trust says what was established of a download', async () => {
  const w = await workspaceOfAgent();
  expect(await verifyDownload(w, ['av-1.2', '--trust', 'trust'])).toMatchObject({ status: 0, stdout: OK, stderr: '' });
});

test('verify --trust --json prints one object', async () => {
  const w = await workspaceOfAgent();
  const { stdout, stderr, status } = await verifyDownload(w, ['av-1.2', '--trust', 'trust', '--json']);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(parseAs('verify', stdout)).toMatchObject({
    verified: 'release',
    file: 'av-1.2',
    release: { type: 'build', stream: 'acme-av/stable', version: '1.2', signer: 'acme', leaf: 10 },
    artifact: { name: 'av.bin', size: 3 },
    witnesses: [{ name: 'w4', time: 1_700_000_000 }],
    latest: true,
    consistency: 'none',
    unwitnessed: false,
  });
});

test.each([
  ['another download', ['av-1.0', '--bundle', 'av-1.2.vitrine', '--trust', 'trust'], 'artifact-other'],
  ['a release that is not the newest', ['av-1.0', '--trust', 'trust'], 'superseded'],
  ['a release that was withdrawn', ['av-1.1', '--trust', 'any'], 'withdrawn'],
  ['another stream', ['av-1.2', '--trust', 'trust', '--stream', 'acme-av/beta'], 'stream-other'],
  ['what is older than the command line wants', ['av-1.2', '--trust', 'trust', '--max-age', '30s'], 'too-old'],
  ['a trust file in place of a bundle', ['av-1.2', '--trust', 'trust', '--bundle', 'trust'], 'bundle-unreadable'],
])('verify --trust refuses %s', async (_, args, code) => {
  const w = await workspaceOfAgent();
  const { status, stdout, stderr } = await verifyDownload(w, args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^vitrine: ${code}: ${args[0]}: .*\n$`));
});

test('a plain policy accepts no release', async () => {
  const w = await workspaceOfAgent();
  const { status, stdout, stderr } = await verifyDownload(w, ['av-1.2', '--trust', 'witnessed']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toBe('vitrine: no-rule: witnessed has no release line: a plain policy accepts no release\n');
});

test('--max-age does not loosen what the trust file wants', async () => {
  const w = await workspaceOfAgent();
  const args = ['verify', 'av-1.2', '--name', 'av.bin', '--trust', 'trust', '--now', '2023-11-15T22:14:20Z'];
  const { status, stderr } = await w.run([...args, '--max-age', '30d']);
  expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('too-old') });
});

test('without --name the file has the name of the artifact', async () => {
  const w = await workspaceOfAgent();
  const { status, stderr } = await w.run(['verify', 'av-1.2', '--trust', 'trust', '--now', THEN]);
  expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('artifact-unknown') });
  w.write('av.bin', '1.2');
  await done(w, ['verify', 'av.bin', '--bundle', 'av-1.2.vitrine', '--trust', 'trust', '--now', THEN]);
});

test('all of several downloads are judged, also behind one that is refused', async () => {
  const w = await workspaceOfAgent();
  writeTrust(w, 'trust', 'release acme-av/stable signed-by acme max-age 1h latest');
  w.write('av.bin', '1.2');
  w.write('av.bin.vitrine', w.read('av-1.2.vitrine'));
  const { status, stdout, stderr } = await w.run([
    'verify',
    'av-1.0',
    'av.bin',
    'av-1.1',
    '--trust',
    'trust',
    '--now',
    THEN,
  ]);
  expect(status).toBe(1);
  expect(stdout).toBe(OK.replace('av-1.2', 'av.bin'));
  expect(stderr).toMatch(/^vitrine: artifact-unknown: av-1.0: .*\nvitrine: artifact-unknown: av-1.1: .*\n$/);
});

test('the state keeps an agent from going back, and is moved by a refusal too', async () => {
  const w = await workspaceOfAgent();
  const first = await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'state']);
  expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('state is not there yet') });
  const kept = w.read('state');
  const back = await verifyDownload(w, ['av-1.0', '--trust', 'any', '--state', 'state']);
  expect(back).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^vitrine: rollback: av-1.0: /) });
  expect(w.read('state')).toEqual(kept);
  expect((await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'state'])).status).toBe(0);

  const refused = await verifyDownload(w, ['av-1.1', '--trust', 'any', '--state', 'fresh']);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('withdrawn') });
  expect(w.files()).toContain('fresh');
});

test.each([
  ['empty', ''],
  ['cut off', undefined],
  ['something else', 'no state'],
])('a state that is %s is refused, and left as it is', async (what, content) => {
  const w = await workspaceOfAgent();
  await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'state']);
  w.write('state', content ?? w.read('state').subarray(0, 40));
  const damaged = w.read('state');
  const { status, stdout, stderr } = await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'state']);
  expect({ what, status, stdout }).toEqual({ what, status: 1, stdout: '' });
  expect(stderr).toMatch(/^vitrine: state-malformed: state: /);
  expect(w.read('state')).toEqual(damaged);
});

test('a fork is refused, and both checkpoints are kept', async () => {
  const w = await workspaceOfAgent();
  await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'state']);
  const { parseState, formatState } = await import('@vitrine/verifier');
  // As if the agent had been shown another tree of that size: what it kept is then the other side of the evidence.
  const state = parseState(w.read('state'));
  const [log] = state.logs;
  const largest = { ...log!.largest, root: new Uint8Array(32) };
  w.write('state', formatState({ ...state, logs: [{ ...log!, largest }] }));
  const { status, stderr } = await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'state']);
  expect(status).toBe(1);
  expect(stderr).toContain('the evidence is in state.fork-1, state.fork-2, state.fork-bundle');
  expect(stderr).toMatch(/\nvitrine: fork: av-1.2: /);
  expect(w.read('state.fork-bundle')).toEqual(w.read('av-1.2.vitrine'));
  expect(w.read('state.fork-1').toString()).toMatch(/^example.com\/log\n22\n/);
});

/** A process that has a state locked, and does nothing. */
async function holderOf(path: string): Promise<ReturnType<typeof spawn>> {
  const program = `import { Level } from 'level';
    await new Level(${JSON.stringify(`${path}.lock`)}).open();
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname });
  await once(child.stdout, 'data');
  return child;
}

test('processes wait for each other, and not for one that was killed', async () => {
  const w = await workspaceOfAgent();
  const args = ['av-1.2', '--trust', 'any', '--state', 'state'];
  const all = await Promise.all([0, 1, 2].map(() => verifyDownload(w, args)));
  expect(all.map(({ status }) => status)).toEqual([0, 0, 0]);
  const holder = await holderOf(w.path('state'));
  holder.kill('SIGKILL');
  await once(holder, 'close');
  expect(await verifyDownload(w, args)).toMatchObject({ status: 0, stderr: '' });
});

test('a process that is only suspended keeps its lock', async () => {
  const w = await workspaceOfAgent();
  const args = ['av-1.2', '--trust', 'any', '--state', 'state'];
  expect((await verifyDownload(w, args)).status).toBe(0);
  const kept = w.read('state');
  const holder = await holderOf(w.path('state'));
  holder.kill('SIGSTOP');
  expect(await verifyDownload(w, args)).toMatchObject({
    status: 3,
    stdout: '',
    stderr: 'vitrine: state-locked: another process has state open\n',
  });
  expect(w.read('state')).toEqual(kept);
  holder.kill('SIGKILL');
});

test('a link to a state is that state, and one that leads nowhere is not a new one', async () => {
  const w = await workspaceOfAgent();
  symlinkSync('real', w.path('link'));
  const args = ['av-1.2', '--trust', 'any', '--state', 'link'];
  expect(await verifyDownload(w, args)).toMatchObject({
    status: 3,
    stdout: '',
    stderr: 'vitrine: file-missing: link is a link that leads nowhere\n',
  });
  expect((await verifyDownload(w, ['av-1.2', '--trust', 'any', '--state', 'real'])).status).toBe(0);
  expect(await verifyDownload(w, args)).toMatchObject({ status: 0, stderr: '' });
  expect(lstatSync(w.path('link')).isSymbolicLink()).toBe(true);
});

test('a refusal decides the exit status, also where another download could be tried again', async () => {
  const w = await workspaceOfAgent();
  const newer = w.read('av-1.2.vitrine');
  // The version of the bundle.
  newer[newer.indexOf(Buffer.from('6176', 'hex')) + 2] = 2;
  w.write('later', '1.2');
  w.write('later.vitrine', newer);
  const { status, stderr } = await w.run(['verify', 'av-1.1', 'later', '--trust', 'any', '--now', THEN]);
  expect(stderr).toMatch(/^vitrine: bundle-newer: later: .*\nvitrine: artifact-unknown: av-1.1: /);
  expect(status).toBe(1);
});

test.each([
  ['no download', ['--trust', 'trust'], 'name the download that is to be verified'],
  [
    '--policy beside it',
    ['av-1.2', '--trust', 'trust', '--policy', 'witnessed'],
    'name either a trust file or a policy',
  ],
  ['--record-file beside it', ['av-1.2', '--trust', 'trust', '--record-file', 'x'], '--record-file goes with --policy'],
  ['--state without it', ['av-1.2', '--policy', 'witnessed', '--state', 'state'], '--state goes with --trust'],
  ['neither it nor a policy', ['av-1.2'], 'name the trust file with --trust, or for a proof the policy with --policy'],
  [
    '--bundle for several',
    ['av-1.2', 'av-1.0', '--trust', 'trust', '--bundle', 'x'],
    '--bundle goes with one download',
  ],
  ['several files with a policy', ['av-1.2', 'av-1.0', '--policy', 'witnessed'], 'a proof is of one file'],
  [
    'a bad duration',
    ['av-1.2', '--trust', 'trust', '--max-age', '2w'],
    '--max-age must be a duration as 90s, 15m, 6h or 7d',
  ],
  ['several streams', ['av-1.2', '--trust', 'patterns'], 'the trust file is about several streams'],
])('verify --trust with %s is wrong use', async (_, args, message) => {
  const w = await workspaceOfAgent();
  writeTrust(w, 'patterns', 'release acme-av/* signed-by acme any-age');
  const { status, stdout, stderr } = await w.run(['verify', ...args]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(`usage: ${message}`);
});

test('a bundle that is not there is named, and how to name it', async () => {
  const w = await workspaceOfAgent();
  w.write('alone', '1.2');
  expect(await w.run(['verify', 'alone', '--trust', 'trust'])).toMatchObject({
    status: 3,
    stderr: 'vitrine: file-missing: alone.vitrine: no such file or directory; name the bundle with --bundle\n',
  });
});

test('a trust file that breaks a rule is refused, and its line named', async () => {
  const w = await workspaceOfAgent();
  w.write('wrong', `${[...TRUST, 'release acme-av/stable signed-by nobody any-age'].join('\n')}\n`);
  const { status, stderr } = await w.run(['verify', 'av-1.2', '--trust', 'wrong']);
  expect(status).toBe(1);
  expect(stderr).toBe('vitrine: trust-malformed: wrong: line 8: signed-by names no signer on an earlier line\n');
  expect(readFileSync(w.path('wrong'), 'utf8')).toContain('nobody');
});

test('verify --installed asks whether what is there is still good, and the newest', async () => {
  const w = await workspaceOfAgent();
  const ask = (...args: string[]) => verifyDownload(w, [...args, '--trust', 'any', '--installed', '--state', 'state']);
  expect(await ask('av-1.2')).toMatchObject({ status: 0, stdout: OK });
  expect(await verifyDownload(w, ['av-1.0', '--trust', 'any'])).toMatchObject({ status: 0 });
  for (const [args, code, message] of [
    [['av-1.0'], 'superseded', 'has a newer release than the one at leaf 6'],
    // The state knows that the release of this bundle is installed: so the file was changed.
    [['av-1.0', '--bundle', 'av-1.2.vitrine'], 'artifact-other', 'is not the av.bin that was logged'],
    [['av-1.1'], 'withdrawn', 'acme.example has withdrawn the release at leaf 8'],
  ] as const) {
    const { status, stdout, stderr } = await ask(...args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^vitrine: ${code}: ${args[0]}: .*${message}`));
  }
});

test('verify --installed takes the bundle of a newer release for an answer', async () => {
  const w = await workspaceOfAgent();
  const args = ['av-1.0', '--bundle', 'av-1.2.vitrine', '--trust', 'any', '--installed'];
  const { status, stderr } = await verifyDownload(w, args);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^vitrine: superseded: av-1\.0: the newest release .* is at leaf 10, and what is installed is not/,
  );
});
