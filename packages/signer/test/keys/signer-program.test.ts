import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { ed25519Signer, KEY_TYPE_ED25519_COSIGNATURE } from '@vitrine/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type ProgramSignerOptions, programSigner } from '../../src/node.ts';
import { directory, fixedKey, KEY, MESSAGE, OTHER_KEY } from './support/fixtures.ts';

const { vkey } = KEY;
const SIGNATURE = Buffer.from(await ed25519Signer(KEY).sign(MESSAGE));
const WRONG = Buffer.from(await ed25519Signer(OTHER_KEY).sign(MESSAGE));

const quote = (argument: string): string => `'${argument.replaceAll("'", `'\\''`)}'`;

/** A command line that runs a JavaScript program. */
function node(program: string): string {
  const file = join(directory(), 'program.mjs');
  writeFileSync(file, program);
  return `${quote(process.execPath)} ${quote(file)}`;
}

/** The start of a program that signs as `vkey` has it. */
const SIGNING = `
  import { createPrivateKey, sign } from 'node:crypto';
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 1)]);
  const signed = (bytes) => sign(null, bytes, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
`;

/** Where the temporary files go during this test. */
function temporaryFilesIn(path: string): void {
  vi.stubEnv('TMPDIR', path);
  onTestFinished(() => void vi.unstubAllEnvs());
}

const sign = (command: string, options?: ProgramSignerOptions): Promise<Uint8Array> =>
  programSigner(vkey, command, options).sign(MESSAGE);

/** A command line that reads everything and prints these bytes. */
const printing = (output: string | Uint8Array): string =>
  `cat > /dev/null; printf '${[...Buffer.from(output)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}'`;

test('a program gets the bytes on standard input and signs them', async () => {
  const command = node(`${SIGNING}
    import { readFileSync } from 'node:fs';
    process.stdout.write(signed(readFileSync(0)));
  `);
  const signer = programSigner(vkey, command);
  expect(signer).toMatchObject({ vkey, keyName: vkey.keyName, keyId: vkey.keyId });
  expect(await signer.sign(MESSAGE)).toEqual(new Uint8Array(SIGNATURE));
  const large = new Uint8Array(1_000_000).fill(7);
  expect(await signer.sign(large)).toEqual(await ed25519Signer(KEY).sign(large));
  const [one, two] = await Promise.all([signer.sign(Buffer.of(1)), signer.sign(Buffer.of(2))]);
  expect(one).not.toEqual(two);
});

test('a program can open its standard input, which is a regular file with nothing but the bytes', async () => {
  const command = node(`${SIGNING}
    import { readFileSync, statSync } from 'node:fs';
    if (!statSync('/dev/stdin').isFile() || statSync('/dev/stdin').size !== ${MESSAGE.length}) process.exit(1);
    process.stdout.write(signed(readFileSync('/dev/stdin')));
  `);
  expect(await sign(command)).toEqual(new Uint8Array(SIGNATURE));
});

test('nobody else can read what a program gets, and the program cannot write to it', async () => {
  const files = directory();
  const command = node(`${SIGNING}
    import { fstatSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
    const [name] = readdirSync(${JSON.stringify(files)});
    if ((statSync(${JSON.stringify(files)} + '/' + name).mode & 0o777) !== 0o700) process.exit(1);
    if ((fstatSync(0).mode & 0o777) !== 0o600) process.exit(2);
    try {
      writeSync(0, 'more');
      process.exit(3);
    } catch {}
    process.stdout.write(signed(readFileSync(0)));
  `);
  temporaryFilesIn(files);
  expect(await sign(command)).toEqual(new Uint8Array(SIGNATURE));
});

test('nothing is left of what a program got', async () => {
  const [files, marker] = [directory(), join(directory(), 'started')];
  temporaryFilesIn(files);
  await sign(`test -n "$(ls ${quote(files)})" && ${printing(SIGNATURE)}`);
  expect(readdirSync(files)).toEqual([]);
  for (const command of ['exit 3', 'kill -KILL $$', 'yes', 'echo signed', printing(WRONG)]) {
    await expect(sign(command, { onStderr: () => {} })).rejects.toMatchObject({ code: 'signer-failed' });
    expect(readdirSync(files)).toEqual([]);
  }
  const controller = new AbortController();
  const pending = sign(`touch ${quote(marker)}; exec sleep 60`, { signal: controller.signal });
  pending.catch(() => {});
  await expect.poll(() => existsSync(marker)).toBe(true);
  expect(readdirSync(files)).toHaveLength(1);
  controller.abort();
  await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  expect(readdirSync(files)).toEqual([]);
});

test('without a place for temporary files no program is run', async () => {
  const marker = join(directory(), 'started');
  temporaryFilesIn(join(directory(), 'nowhere'));
  await expect(sign(`touch ${quote(marker)}`)).rejects.toMatchObject({
    code: 'signer-failed',
    message: expect.stringMatching(
      /^the signer command could not be given a temporary file with what to sign: ENOENT: .*nowhere/,
    ),
    cause: expect.objectContaining({ code: 'ENOENT' }),
  });
  expect(existsSync(marker)).toBe(false);
});

test('where temporary files find no space no program is run, and nothing is left', async () => {
  const [files, marker] = [directory(), join(directory(), 'started')];
  temporaryFilesIn(files);
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const write = vi.spyOn(promises, 'writeFile').mockRejectedValueOnce(full);
  syncBuiltinESMExports();
  try {
    await expect(sign(`touch ${quote(marker)}`)).rejects.toMatchObject({
      code: 'signer-failed',
      message: `the signer command could not be given a temporary file with what to sign: ${full.message}`,
      cause: full,
    });
  } finally {
    write.mockRestore();
    syncBuiltinESMExports();
  }
  expect(readdirSync(files)).toEqual([]);
  expect(existsSync(marker)).toBe(false);
});

test('what is signed is what was there when it began', async () => {
  const message = Uint8Array.from(MESSAGE);
  const signature = programSigner(vkey, printing(SIGNATURE)).sign(message);
  message.fill(0);
  expect(await signature).toEqual(new Uint8Array(SIGNATURE));
});

const base64 = SIGNATURE.toString('base64');
const hex = SIGNATURE.toString('hex');

test.each([
  ['as it is', SIGNATURE],
  ['in base64', base64],
  ['in base64 with a newline', `${base64}\n`],
  ['in base64 with a newline of Windows', `${base64}\r\n`],
  ['in base64 that is broken into lines', `${base64.slice(0, 76)}\n${base64.slice(76)}\n`],
  ['in hex', hex],
  ['in upper-case hex with a newline', `${hex.toUpperCase()}\n`],
])('a signature is printed %s', async (_, output) => {
  expect(await sign(printing(output))).toEqual(new Uint8Array(SIGNATURE));
});

test('the command is a line for the shell', async () => {
  const file = join(directory(), 'signature');
  writeFileSync(file, SIGNATURE);
  const command = `cat > /dev/null && cat < ${quote(file)} | head -c 64`;
  expect(await sign(command)).toEqual(new Uint8Array(SIGNATURE));
});

test('a program that does not read its input may sign all the same', async () => {
  const command = `exec 0<&-; printf '${base64}'`;
  const large = new Uint8Array(4_000_000);
  const signature = Buffer.from(await ed25519Signer(KEY).sign(large)).toString('base64');
  expect(await programSigner(vkey, command.replace(base64, signature)).sign(large)).toHaveLength(64);
  expect(await sign(command)).toEqual(new Uint8Array(SIGNATURE));
});

test.each([
  ['prints nothing', '', /^the signer command printed nothing$/],
  ['prints a newline', '\n', /printed 1 bytes that are no signature/],
  ['prints words', 'signed!\n', /printed 8 bytes that are no signature by the key vendor\.example\/releases\+/],
  ['prints a byte more', Buffer.concat([SIGNATURE, Buffer.of(10)]), /printed 65 bytes that are no signature/],
  ['prints a byte less', SIGNATURE.subarray(1), /printed 63 bytes that are no signature/],
  ['prints base64 without padding', base64.replace(/=+$/, ''), /no signature/],
  ['prints base64 with spaces', ` ${base64}`, /no signature/],
  ['prints hex with a prefix', `0x${hex}`, /no signature/],
  ['prints two signatures', `${base64}\n${base64}\n`, /no signature/],
  ['prints a signature by another key', WRONG, /gave a signature that is not one of these bytes by the key vendor/],
  ['prints a wrong signature in base64', WRONG.toString('base64'), /is not one of these bytes/],
  ['prints 64 other bytes', Buffer.alloc(64), /is not one of these bytes/],
  ['prints too much', 'x'.repeat(1025), /^the signer command printed more than 1024 bytes/],
])('a program that %s has failed', async (_, output, message) => {
  await expect(sign(printing(output))).rejects.toMatchObject({
    code: 'signer-failed',
    message: expect.stringMatching(message),
  });
});

test.each([
  ['ends with another status', `${printing(SIGNATURE)}; exit 3`, /^the signer command failed with exit status 3$/],
  ['is ended by a signal', 'kill -KILL $$', /^the signer command was ended by SIGKILL$/],
  ['is not there', 'vitrine-no-such-program', /failed with exit status 127: the shell found no such program$/],
])('a program that %s has failed', async (_, command, message) => {
  await expect(sign(command, { onStderr: () => {} })).rejects.toMatchObject({
    code: 'signer-failed',
    message: expect.stringMatching(message),
  });
});

test('a file that is no program cannot be run', async () => {
  const file = join(directory(), 'plain');
  writeFileSync(file, '');
  chmodSync(file, 0o600);
  await expect(sign(quote(file), { onStderr: () => {} })).rejects.toMatchObject({
    code: 'signer-failed',
    message: 'the signer command failed with exit status 126: the shell could not run the program',
  });
});

test('a program that prints without end is stopped', async () => {
  await expect(sign('yes', { onStderr: () => {} })).rejects.toMatchObject({ code: 'signer-failed' });
});

test('what a program says on standard error is passed on', async () => {
  const chunks: Uint8Array[] = [];
  const command = `echo 'touch the token' >&2; ${printing(SIGNATURE)}`;
  await sign(command, { onStderr: (chunk) => chunks.push(chunk) });
  expect(Buffer.concat(chunks).toString()).toBe('touch the token\n');
});

test('what a program says on standard error goes to that of the process by default', async () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await sign(`echo 'touch the token' >&2; ${printing(SIGNATURE)}`);
    expect(write.mock.calls.map(([chunk]) => String(chunk)).join('')).toContain('touch the token\n');
  } finally {
    write.mockRestore();
  }
});

test('a program ends when the signal says so', async () => {
  const directoryOfTest = directory();
  const marker = join(directoryOfTest, 'pid');
  const controller = new AbortController();
  const pending = sign(`echo $$ > ${quote(marker)}; exec sleep 60`, { signal: controller.signal });
  pending.catch(() => {});
  await expect.poll(() => existsSync(marker) && readFileSync(marker, 'utf8')).toMatch(/^\d+\n$/);
  controller.abort();
  await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  const pid = readFileSync(marker, 'utf8').trim();
  await expect.poll(() => spawnSync('kill', ['-0', pid]).status).not.toBe(0);
  await expect(sign('true', { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
});

test('a program is not run if the signal says so before', async () => {
  const marker = join(directory(), 'started');
  const controller = new AbortController();
  const pending = sign(`touch ${quote(marker)}; ${printing(SIGNATURE)}`, { signal: controller.signal });
  controller.abort();
  await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  expect(existsSync(marker)).toBe(false);
});

test('keys of other types sign no statements', () => {
  const cosigner = fixedKey(1, 'witness.example', KEY_TYPE_ED25519_COSIGNATURE).vkey;
  expect(() => programSigner(cosigner, 'true')).toThrow(expect.objectContaining({ code: 'key-type' }));
  expect(() => programSigner({ ...vkey, keyId: 1 }, 'true')).toThrow(
    expect.objectContaining({ code: 'key-malformed' }),
  );
});
