import { inspect } from 'node:util';
import { formatPrivateKey, formatVkey, privateKeyFromSeed } from '@vitrine/core';
import { armor, Encrypter } from 'age-encryption';
import { expect, test } from 'vitest';
import { run } from '../src/run.ts';
import { testContext } from './support/test-context.ts';
import { WITNESS_KEY, type Workspace, workspaceWithLog } from './support/workspace.ts';

// A short name, so that a message that shows the beginning of the line would show the key.
const KEY = privateKeyFromSeed(
  'k',
  0x01,
  Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 100),
);
const TEXT = formatPrivateKey(KEY);
const SECRET = TEXT.slice(-44);
const PASSPHRASE = 'correct-horse-battery-staple';
const VKEY = formatVkey(WITNESS_KEY.vkey);

/** Everything that is long enough to help somebody who looks for the key. */
const pieces = [SECRET, PASSPHRASE].flatMap((secret) =>
  Array.from({ length: secret.length - 7 }, (_, i) => secret.slice(i, i + 8)),
);

async function expectNothingShown(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  for (const [extra, debug] of [
    [[], {}],
    [['--json'], {}],
    [[], { VITRINE_DEBUG: '1' }],
    [['--json'], { VITRINE_DEBUG: '1' }],
  ] as const) {
    const { context, stdout, stderr } = testContext({ env: { ...env, ...debug } });
    expect(await run([...args, ...extra], context), `${args.join(' ')}: ${stdout()}`).toBeGreaterThan(0);
    const shown = stdout() + stderr();
    expect(shown.length).toBeGreaterThan(0);
    expect(
      pieces.filter((piece) => shown.includes(piece)),
      shown,
    ).toEqual([]);
  }
}

async function workspaceWithKey(): Promise<Workspace> {
  const w = await workspaceWithLog({ entries: ['first', 'second'] });
  w.write('key', `${TEXT}\n`);
  w.write('file', 'content');
  await w.run(['add', '--log', 'log', 'file']);
  await w.run(['prove', 'consistency', '1', '--log', 'log', '--out', 'growth']);
  return w;
}

async function encryptText(text: string, passphrase: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(10);
  return armor.encode(await encrypter.encrypt(text));
}

test('the pieces that are looked for are of the key', () => {
  expect(TEXT).toBe(`PRIVATE+KEY+k+${TEXT.slice(14, 22)}+${SECRET}`);
  expect(pieces.length).toBeGreaterThan(50);
});

test('a key file in the place of another file is not shown', async () => {
  const w = await workspaceWithKey();
  const [key, log, policy, file] = [w.path('key'), w.path('log'), w.path('policy'), w.path('file')];
  const growth = w.path('growth');
  for (const args of [
    ['verify', file, '--policy', key],
    ['verify', file, '--policy', policy, '--proof', key],
    ['verify', '--consistency', key, '--from', growth, '--policy', policy],
    ['verify', '--consistency', growth, '--from', key, '--policy', policy],
    ['checkpoint', '--log', log, '--cosignatures', key, '--policy', policy],
    ['checkpoint', '--log', log, '--cosignatures', growth, '--policy', key],
    ['checkpoint', '--log', log, '--ml-dsa', '--key', key],
    ['add', '--log', log, '--key', key, file],
    ['add', '--log', log, '--ndjson', key, '--key', w.path('config/vitrine/keys/example.com+log.ed25519.key')],
    ['ls', '--log', key],
    ['fsck', '--log', key],
    ['key', 'ssh', key, 'name'],
  ]) {
    await expectNothingShown(args);
  }
});

test.each([
  `${TEXT}`,
  ` ${TEXT} any`,
  `log ${TEXT}`,
  `log ${VKEY} ${TEXT} more`,
  `log ${TEXT.replace('PRIVATE+KEY+', '')}`,
  `log ${SECRET}`,
  `witness w ${TEXT}`,
  `witness ${TEXT}`,
  `witness ${TEXT} ${TEXT}`,
  `witness w ${VKEY}\ngroup g ${TEXT} w`,
  `witness w ${VKEY}\ngroup g ${SECRET} w`,
  `witness w ${VKEY}\ngroup g 1 ${TEXT}`,
  `witness w ${VKEY}\ngroup ${TEXT} any ${TEXT}`,
  `witness ${TEXT} ${VKEY}\ngroup ${TEXT} any ${TEXT}`,
  `witness ${TEXT} ${VKEY}\ngroup g any ${TEXT} ${TEXT}`,
  `quorum ${TEXT}`,
  `quorum none\nquorum ${TEXT}`,
])('a policy that holds a private key is refused without showing it (%#)', async (line) => {
  const w = await workspaceWithKey();
  w.write('bad', `${line}\n`);
  await expectNothingShown(['verify', w.path('file'), '--policy', w.path('bad')]);
});

test('a damaged key file is not shown', async () => {
  const w = await workspaceWithKey();
  const age = await encryptText(`${TEXT}more\n`, PASSPHRASE);
  const env = { VITRINE_PASSPHRASE_FILE: w.write('passphrase', PASSPHRASE) };
  for (const content of [
    `${TEXT}more`,
    TEXT.slice(0, -1),
    `\n${TEXT}`,
    TEXT.replace('PRIVATE', 'private'),
    SECRET,
    `PRIVATE+KEY+${SECRET}+${SECRET}+${SECRET}`,
    `${PASSPHRASE}\n`,
    age,
  ]) {
    await expectNothingShown(['key', 'show', w.write('damaged', content)], env);
  }
  w.write('sealed', await encryptText(`${TEXT}\n`, PASSPHRASE));
  await expectNothingShown(['key', 'show', w.path('sealed')], { VITRINE_PASSPHRASE_FILE: w.path('key') });
  await expectNothingShown(['key', 'show', w.path('sealed')]);
});

test('an error of a line that is not JSON has no cause that quotes the line', async () => {
  const { entryLines } = await import('../src/entry-lines.ts');
  const chunks = (async function* () {
    yield Buffer.from(`${SECRET}\n`);
  })();
  const error = await entryLines({ name: 'x', chunks, json: true })
    .next()
    .catch((caught: unknown) => caught);
  expect(inspect(error)).not.toContain(SECRET.slice(0, 8));
});
