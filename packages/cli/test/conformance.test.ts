import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { type Transcript, type Workspace, workspace } from './support/workspace.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const CORPUS = join(ROOT, 'packages', 'verifier', 'conformance');
const OURS = [process.execPath, join(ROOT, 'examples', 'conformance', 'verifier.js')];

interface Listed {
  readonly id: string;
  readonly tries: string;
  readonly expected: string;
}

const MANIFEST: { readonly cases: readonly Listed[] } = JSON.parse(readFileSync(join(CORPUS, 'manifest.json'), 'utf8'));
const ALL = MANIFEST.cases;
const expectedOf = (id: string): unknown =>
  JSON.parse(readFileSync(join(CORPUS, 'cases', `${id}.json`), 'utf8')).expected;

const ACCEPTED = 'a-release-of-a-database';
const REFUSED = 'a-download-that-was-never-logged';
const WITHDRAWN = 'a-withdrawn-release';

/** Runs a shell command as the verifier. */
const tested = (w: Workspace, command: string, ...options: readonly string[]): Promise<Transcript> =>
  w.run(['conformance', ...options, '--', 'sh', '-c', command]);

/** Our verifier, with what it prints changed by sed. */
const changed = (w: Workspace, script: string, ...ids: readonly string[]): Promise<Transcript> =>
  tested(w, `'${OURS.join("' '")}' | sed -E '${script}'`, '--only', ...ids);

/** The line of the only case that failed. */
function failure({ status, stdout, stderr }: Transcript): string {
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'vitrine: conformance-failed: 1 of 1 case failed\n',
  });
  const [line, summary, end] = stdout.split('\n');
  expect({ summary, end }).toEqual({ summary: '1 case: 0 passed, 1 failed', end: '' });
  return line!;
}

test('the files of the corpus keep to their schemas, and the manifest says what the cases expect', () => {
  parseAs('conformance-manifest', JSON.stringify(MANIFEST));
  for (const { id, expected } of ALL) {
    const text = readFileSync(join(CORPUS, 'cases', `${id}.json`), 'utf8');
    const answer = parseAs('conformance-case', text)['expected'] as Record<string, unknown>;
    expect('accepted' in answer ? 'accepted' : answer['refused'], id).toBe(expected);
    const moves = ['accepted', 'withdrawn', 'rejected'].includes(expected);
    expect('state' in answer, id).toBe(moves);
  }
  expect(readdirSync(join(CORPUS, 'cases'))).toHaveLength(ALL.length);
  expect(readFileSync(join(ROOT, 'docs', 'conformance.md'), 'utf8')).toContain(
    `\n${ALL.length} cases: ${ALL.length} passed, 0 failed\n`,
  );
});

test('our own verifier passes cases of each kind', async () => {
  // All of them are run with the system tests, and without a process for each with those of the verifier.
  const ids = ALL.filter((_, i) => i % 18 === 0).map(({ id }) => id);
  const w = workspace();
  const { status, stdout, stderr } = await w.run(['conformance', '--only', ...ids, '--', ...OURS]);
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: `${ids.length} cases: ${ids.length} passed, 0 failed\n`,
    stderr: '',
  });
});

test('a program gets what docs/conformance.md says, and needs not read it', async () => {
  const w = workspace();
  const ids = [ACCEPTED, 'a-clock-300-s-behind-the-state', 'an-age-that-the-caller-tightens-and-that-is-kept'];
  await tested(w, 'cat > input.$$', '--only', ...ids);
  const inputs = w
    .files()
    .filter((name) => name.startsWith('input.'))
    .map((name) => parseAs('conformance-input', w.read(name).toString()));
  expect(inputs).toHaveLength(3);
  expect(inputs.filter((input) => 'state' in input)).toHaveLength(1);
  expect(inputs.filter((input) => 'maxAge' in input)).toHaveLength(1);
  const { bundle } = JSON.parse(readFileSync(join(CORPUS, 'cases', `${ACCEPTED}.json`), 'utf8'));
  const bytes = readFileSync(join(CORPUS, bundle)).toString('base64');
  expect(inputs.some((input) => input['bundle'] === bytes)).toBe(true);
  expect(failure(await tested(w, 'exec true', '--only', ACCEPTED))).toBe(`FAIL  ${ACCEPTED}: printed no answer: `);
});

test('a verifier that always refuses passes where that is the answer, and nowhere else', async () => {
  const { status, stdout, stderr } = await tested(workspace(), `echo '{"refused":"fork"}'`);
  const passing = ALL.filter(({ expected }) => expected === 'fork').length;
  expect(passing).toBeGreaterThan(0);
  const failing = ALL.length - passing;
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: `vitrine: conformance-failed: ${failing} of ${ALL.length} cases failed\n`,
  });
  const lines = stdout.trimEnd().split('\n');
  // In the order of the manifest, although several run at once.
  expect(lines).toEqual([
    ...ALL.filter(({ expected }) => expected !== 'fork').map(
      ({ id, expected }) =>
        `FAIL  ${id}: expected ${expected === 'accepted' ? expected : `refused with ${expected}`}, found refused with fork`,
    ),
    `${ALL.length} cases: ${passing} passed, ${failing} failed`,
  ]);
});

test('a verifier that always accepts fails where it must refuse, and where the finding is another', async () => {
  const w = workspace();
  w.write('answer', JSON.stringify(expectedOf(ACCEPTED)));
  const other = 'an-older-release-where-any-will-do';
  const { status, stdout } = await tested(w, 'cat answer', '--only', ACCEPTED, REFUSED, other);
  expect(status).toBe(1);
  expect(stdout).toBe(
    `FAIL  ${REFUSED}: expected refused with artifact-other, found accepted\n` +
      `FAIL  ${other}: the finding differs in log.size: expected 4, found 2\n` +
      '3 cases: 1 passed, 2 failed\n',
  );
});

test('a verifier that answers with another code fails', async () => {
  const w = workspace();
  expect(failure(await changed(w, 's/artifact-other/size-other/', REFUSED))).toBe(
    `FAIL  ${REFUSED}: expected refused with artifact-other, found refused with size-other`,
  );
});

test('a verifier that forgets what it saw fails', async () => {
  const w = workspace();
  expect(failure(await changed(w, 's/,"state":"[^"]*"//', WITHDRAWN))).toBe(
    `FAIL  ${WITHDRAWN}: the next state is missing`,
  );
  expect(failure(await changed(w, 's/("state":")[^"]*/\\1AAAA/', WITHDRAWN))).toMatch(
    /: the next state cannot be read: state /,
  );
  // The state of a log without anything in it.
  const empty = Buffer.from('a4617601646c6f67738064747970656b6167656e742d73746174656773747265616d7380', 'hex');
  expect(failure(await changed(w, `s#("state":")[^"]*#\\1${empty.toString('base64')}#`, WITHDRAWN))).toBe(
    `FAIL  ${WITHDRAWN}: the next state differs in time: expected 1799999940, found nothing`,
  );
  expect(failure(await changed(w, 's/(artifact-other")/\\1,"state":"AAAA"/', REFUSED))).toBe(
    `FAIL  ${REFUSED}: the state does not change with this refusal, and the answer has one`,
  );
});

test('a verifier whose finding has a field more or less fails', async () => {
  const w = workspace();
  expect(failure(await changed(w, 's/"latest":true,//', ACCEPTED))).toBe(
    `FAIL  ${ACCEPTED}: the finding differs in latest: expected true, found nothing`,
  );
  expect(failure(await changed(w, 's/"latest":true,/&"__proto__":1,/', ACCEPTED))).toBe(
    `FAIL  ${ACCEPTED}: the finding differs in __proto__: expected nothing, found 1`,
  );
});

test.each([
  ['crashes', 'echo broken >&2; echo again >&2; exit 3', 'ended with exit status 3: again'],
  ['answers and crashes', `echo '{"refused":"artifact-other"}'; exit 1`, 'ended with exit status 1'],
  ['is killed', 'kill -9 $$', 'was ended by SIGKILL'],
  ['prints junk', 'echo hello', 'printed no answer: hello\\n'],
  ['prints what a terminal could act on', "printf '\\033[2J'", 'printed no answer: \\u{1b}[2J'],
  ['prints what is no UTF-8', "printf '\\377'", 'printed no answer: \\xff'],
  ['prints two answers', `echo '{"refused":"artifact-other"}{"refused":"fork"}'`, 'printed no answer: '],
  ['answers twice in one', `echo '{"refused":"artifact-other","accepted":{}}'`, 'printed no answer: '],
  ['accepts and has no state', `echo '{"accepted":{}}'`, 'printed no answer: {"accepted":{}}\\n'],
  ['answers with a list', `echo '["refused"]'`, 'printed no answer: ["refused"]\\n'],
  ['prints too much', 'exec yes', 'printed more than 1048576 bytes'],
])('a verifier that %s fails', async (_, command, problem) => {
  expect(failure(await tested(workspace(), command, '--only', REFUSED))).toContain(`FAIL  ${REFUSED}: ${problem}`);
});

/** Whether a process is there, and no mere entry in a table. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

const HANGS = 'sleep 1000 & echo $! > child; wait';

test('a verifier that hangs is killed after the time-out, with what it started', async () => {
  const w = workspace();
  expect(failure(await tested(w, HANGS, '--only', REFUSED, '--timeout', '2s'))).toBe(
    `FAIL  ${REFUSED}: gave no answer within 2s`,
  );
  await expect.poll(() => isRunning(Number(w.read('child')))).toBe(false);
});

test('Ctrl-C stops the run, and what it has started', async () => {
  const w = workspace();
  const child = w.start(['conformance', '--jobs', '1', '--', 'sh', '-c', HANGS]);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await expect.poll(() => existsSync(w.path('child')) && w.read('child').length > 0).toBe(true);
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  await expect.poll(() => isRunning(Number(w.read('child')))).toBe(false);
});

test('what cannot be started is no failure of a case', async () => {
  const w = workspace();
  w.write('text', 'no program');
  for (const program of ['./nowhere', './text']) {
    expect(await w.run(['conformance', '--', program])).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringMatching(/^vitrine: verifier-failed: \.\/(nowhere|text) cannot be started: spawn/),
    });
  }
});

test('with --json there is an object for each case', async () => {
  const w = workspace();
  w.write('answer', JSON.stringify(expectedOf(ACCEPTED)));
  const options = ['--only', ACCEPTED, REFUSED, '--json', '--jobs', '20'];
  const { status, stdout, stderr } = await tested(w, 'cat answer', ...options);
  expect(status).toBe(1);
  const tries = 'a download that was never logged';
  const problem = 'expected refused with artifact-other, found accepted';
  expect(parseLinesAs('conformance', stdout)).toEqual([
    { id: REFUSED, passed: false, tries, problem, expected: expectedOf(REFUSED), found: expectedOf(ACCEPTED) },
    { id: ACCEPTED, passed: true },
  ]);
  expect(parseAs('error', stderr)).toMatchObject({ error: { code: 'conformance-failed' } });
  const crashed = await tested(w, 'exit 1', '--only', ACCEPTED, '--json');
  expect(parseAs('conformance', crashed.stdout)).toEqual({
    id: ACCEPTED,
    passed: false,
    tries: 'a release of a database',
    problem: 'ended with exit status 1',
    expected: expectedOf(ACCEPTED),
  });
});

test('another corpus can be named, and one that is not in its format is refused', async () => {
  const w = workspace();
  cpSync(CORPUS, w.path('corpus'), { recursive: true });
  const manifest = (fields: object): void =>
    writeFileSync(w.path('corpus', 'manifest.json'), JSON.stringify({ ...MANIFEST, ...fields }));
  const run = (): Promise<Transcript> => tested(w, `echo '{"refused":"artifact-other"}'`, '--corpus', 'corpus');
  const [first] = ALL.filter(({ id }) => id === REFUSED);
  manifest({ cases: [first] });
  expect(await run()).toMatchObject({ status: 0, stdout: '1 case: 1 passed, 0 failed\n', stderr: '' });
  for (const [fields, status, code] of [
    [{ version: 2, cases: 'other' }, 3, 'corpus-newer'],
    [{ version: 0 }, 2, 'corpus-malformed'],
    [{ version: '2' }, 2, 'corpus-malformed'],
    [{ cases: undefined }, 2, 'corpus-malformed'],
    [{ cases: [null] }, 2, 'corpus-malformed'],
    [{ cases: [{ ...first, id: '../manifest' }] }, 2, 'corpus-malformed'],
    [{ cases: [{ ...first, id: 'nowhere' }] }, 3, 'file-missing'],
  ] as const) {
    manifest(fields);
    expect(await run()).toMatchObject({
      status,
      stdout: '',
      stderr: expect.stringContaining(`vitrine: ${code}: `),
    });
  }
  manifest({ cases: [first] });
  const path = w.path('corpus', 'cases', `${REFUSED}.json`);
  const original = JSON.parse(readFileSync(path, 'utf8'));
  for (const fields of [{ bundle: '../../secret' }, { trust: undefined }, { state: 7 }, { expected: 'refused' }]) {
    writeFileSync(path, JSON.stringify({ ...original, ...fields }));
    expect(await run()).toMatchObject({ status: 2, stderr: expect.stringContaining('vitrine: corpus-malformed: ') });
  }
  writeFileSync(path, '{');
  expect(await run()).toMatchObject({ status: 2, stderr: expect.stringContaining(`${REFUSED}.json is no JSON`) });
});

test.each([
  [['conformance'], "missing required argument 'program'"],
  [['conformance', '--only', 'nothing', '--', 'true'], 'the corpus has no case nothing\n'],
  [['conformance', '--jobs', '0', '--', 'true'], '--jobs must be at least 1\n'],
  [['conformance', '--timeout', '10', '--', 'true'], '--timeout must be a duration as 90s, 15m, 6h or 7d, not 10\n'],
])('wrong use has exit status 2: %j', async (args, message) => {
  const { status, stdout, stderr } = await workspace().run(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr.startsWith(`vitrine: usage: ${message}`), stderr).toBe(true);
});
