import { ed25519Signer, leafHash, MAX_ENTRY_SIZE, type Signer } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { openStatement } from '../../src/statement/open-statement.ts';
import { parseStatement } from '../../src/statement/parse-statement.ts';
import type { BuildPayload } from '../../src/statement/payload.ts';
import { streamOf } from '../../src/statement/payload-types.ts';
import { signStatement } from '../../src/statement/sign-statement.ts';
import { digest, EXAMPLES, LOG, ORIGIN, REVIEWER, VENDOR } from './examples.ts';

const { payload } = EXAMPLES.find(({ name }) => name === 'source')!;
const options = { signer: ed25519Signer(VENDOR), audience: ORIGIN, issuedAt: 1_780_000_000 };
const signing = (sign: Signer['sign']) => ({ ...options, signer: { ...ed25519Signer(VENDOR), sign } });
const refusal = (code: string) => expect.objectContaining({ name: 'SignerError', code });

/** A signer that must not be asked. */
const untouched = signing(() => {
  throw new Error('the signer was asked');
});

describe('signing', () => {
  test('twice gives the same bytes, and so the same leaf', async () => {
    const first = await signStatement(payload, options);
    expect(leafHash(await signStatement(payload, options))).toEqual(leafHash(first));
  });

  test('for another log, at another time or by another key gives another leaf', async () => {
    const first = await signStatement(payload, options);
    for (const other of [{ audience: 'x' }, { issuedAt: 1 }, { signer: ed25519Signer(REVIEWER) }]) {
      expect(await signStatement(payload, { ...options, ...other })).not.toEqual(first);
    }
  });

  test('leaves the payload as it was, and does not keep it', async () => {
    const mine = structuredClone(payload);
    const bytes = await signStatement(mine, options);
    expect(mine).toEqual(payload);
    expect(parseStatement(bytes).payload).not.toBe(mine);
  });

  test.each([
    ['a payload that breaks a rule', { ...payload, version: '' }, {}],
    ['an empty audience', payload, { audience: '' }],
    ['an audience of two lines', payload, { audience: 'a\nb' }],
    ['a time that is not a whole second', payload, { issuedAt: 1.5 }],
    ['a time before 1970', payload, { issuedAt: -1 }],
    ['a key whose name is none', payload, { signer: { ...untouched.signer, keyName: 'a b' } }],
    ['a key whose ID is none', payload, { signer: { ...untouched.signer, keyId: 2 ** 32 } }],
  ] as const)('refuses %s before the signer is asked', async (_, said, change) => {
    await expect(signStatement(said as typeof payload, { ...untouched, ...change })).rejects.toThrow(
      refusal('statement-malformed'),
    );
  });

  const large = (artifacts: number, nameSize: number): BuildPayload => ({
    type: 'build',
    product: 'a',
    version: '1',
    channel: 'c',
    artifacts: Array.from({ length: artifacts }, (_, i) => ({
      name: `${i}`.padStart(3, '0').padEnd(nameSize, 'x'),
      size: 1,
      sha256: digest(`${i}`),
    })),
  });

  test('makes the largest entry, and nothing larger', async () => {
    const overhead = (await signStatement(large(256, 100), options)).length - 256 * 100;
    const nameSize = Math.floor((MAX_ENTRY_SIZE - overhead) / 256);
    const padding = MAX_ENTRY_SIZE - overhead - 256 * nameSize;
    // The version, of one byte so far, takes what the names leave.
    const fitting = { ...large(256, nameSize), version: 'v'.repeat(padding) };
    const bytes = await signStatement(fitting, options);
    expect(bytes.length).toBeLessThanOrEqual(MAX_ENTRY_SIZE);
    expect(bytes.length).toBeGreaterThan(MAX_ENTRY_SIZE - 4);
    expect(parseStatement(bytes).payload).toEqual(fitting);
    await expect(signStatement({ ...fitting, version: 'v'.repeat(padding + 2) }, untouched)).rejects.toThrow(
      refusal('statement-malformed'),
    );
  });

  test.each([
    ['63 bytes', new Uint8Array(63)],
    ['65 bytes', new Uint8Array(65)],
    ['nothing', new Uint8Array()],
    ['text', 'a signature of 64 bytes, which is not what a signer should give'],
  ])('refuses a signer that gives %s', async (_, given) => {
    await expect(
      signStatement(
        payload,
        signing(() => given as Uint8Array),
      ),
    ).rejects.toThrow(refusal('signer-failed'));
  });

  test('refuses a signature that is not by the key, if the key is known', async () => {
    const { publicKey } = VENDOR.vkey;
    const wrong = signing((message) => ed25519Signer(REVIEWER).sign(message));
    await expect(signStatement(payload, { ...wrong, publicKey })).rejects.toThrow(refusal('signer-failed'));
    const right = await signStatement(payload, { ...options, publicKey });
    expect(openStatement(right, [VENDOR.vkey]).payload).toEqual(payload);
  });

  test('takes a signer that answers later, and passes on why one fails', async () => {
    const later = signing(async (message) => ed25519Signer(VENDOR).sign(message));
    expect(await signStatement(payload, later)).toEqual(await signStatement(payload, options));
    await expect(signStatement(payload, untouched)).rejects.toThrow('the signer was asked');
  });

  test('gives the signer bytes that no signed note has', async () => {
    // A note is text in UTF-8, and 0x84 begins none: a signature of a statement is never one of a checkpoint.
    let first: number | undefined;
    await signStatement(
      payload,
      signing((message) => {
        first = message[0];
        return new Uint8Array(64);
      }),
    );
    expect(first).toBe(0x84);
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.of(0x84))).toThrow(TypeError);
  });
});

describe('the stream', () => {
  test.each([
    ['source', 'acme-endpoint'],
    ['build', 'acme-endpoint/stable/linux-x86_64'],
    ['build-manifest', 'acme-endpoint/stable'],
    ['database', 'acme-daily'],
    ['review', Buffer.from(digest('build leaf')).toString('hex')],
    ['withdrawal', Buffer.from(digest('build leaf')).toString('hex')],
    ['admission', ORIGIN],
    ['handling', 'file-samples'],
  ])('of %s is %s', async (name, stream) => {
    const example = EXAMPLES.find((e) => e.name === name)!;
    expect(streamOf(example.payload, ORIGIN)).toBe(stream);
    const bytes = await signStatement(example.payload, { ...options, signer: ed25519Signer(LOG) });
    expect(parseStatement(bytes).stream).toBe(stream);
  });
});
