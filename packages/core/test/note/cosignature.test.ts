import { describe, expect, it } from 'vitest';
import { sha256 } from '#sha256';
import { mlDsa44 } from '../../src/ml-dsa.ts';
import { formatCheckpoint } from '../../src/note/checkpoint.ts';
import { cosign, cosignatureTime, cosignatureVerifier, lastCosigned } from '../../src/note/cosignature.ts';
import { ed25519CosignedMessage, mlDsaCosignedMessage } from '../../src/note/cosigned-message.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { NoteText } from '../../src/note/note-text.ts';
import { openNote } from '../../src/note/open-note.ts';
import { parsePrivateKey } from '../../src/note/private-key.ts';
import { parseSignatureLines } from '../../src/note/signature-line.ts';
import { parseSignedNote } from '../../src/note/signed-note.ts';
import { cosignSubtree, verifySubtreeCosignature } from '../../src/note/subtree-cosignature.ts';
import { formatTimestampedSignature, parseTimestampedSignature } from '../../src/note/timestamped-signature.ts';
import { parseVkey } from '../../src/note/vkey.ts';
import {
  CHECKPOINT,
  CHECKPOINT_TEXT,
  codeOf,
  codeOfAsync,
  hex,
  keyOf,
  LOG,
  ORIGIN,
  ROOT,
  schemes,
  seedOf,
  spoil,
  TIME,
  text,
  utf8,
} from './fixtures.ts';
import {
  GO_COSIGNED4,
  GO_COSIGNED6,
  GO_ML_DSA_SIGNATURE_SHA256,
  GO_SUBTREE6,
  GO_WITNESS4_VKEY,
  GO_WITNESS6_PRIVATE,
  GO_WITNESS6_VKEY,
} from './vectors.ts';

const W4 = keyOf('witness.example/w4', 4, 4);
const W6 = keyOf('witness.example/w6', 6, 6);
const w4 = cosignerOf(W4);
const w6 = cosignerOf(W6, { schemes });
const v4 = cosignatureVerifier(W4.vkey);
const v6 = cosignatureVerifier(W6.vkey, { schemes });

const SPEC_HASH = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
const SPEC_LINE =
  '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n';

it('the last cosignature of a key in a note is the one of the greatest time, and that of another key is none of it', async () => {
  const at = (time: number, cosigner = w4) => cosign({ text: CHECKPOINT_TEXT, cosigner, time });
  const signatures = [await at(TIME + 1), await at(TIME + 2), await at(TIME), await at(TIME + 9, w6)];
  expect(lastCosigned({ signatures }, W4.vkey)).toBe(TIME + 2);
  expect(lastCosigned({ signatures }, W6.vkey)).toBe(TIME + 9);
  expect(lastCosigned({ signatures: signatures.slice(3) }, W4.vkey)).toBeUndefined();
});

describe('a cosigned message', () => {
  it('of Ed25519 is two lines and the checkpoint: the example of tlog-cosignature', () => {
    const [line] = parseSignatureLines(utf8(SPEC_LINE));
    const { timestamp, signature } = parseTimestampedSignature(line!.signature);
    expect(timestamp).toBe(1679315147n);
    expect(signature).toHaveLength(64);
    const note = `example.com/behind-the-sofa\n20852163\n${SPEC_HASH}\n`;
    expect(text(ed25519CosignedMessage(utf8(note), timestamp))).toBe(`cosignature/v1\ntime 1679315147\n${note}`);
  });

  it('of ML-DSA-44 is the structure of tlog-cosignature', () => {
    const message = mlDsaCosignedMessage({
      cosignerName: 'wé',
      timestamp: 2n,
      origin: 'log',
      start: 0,
      end: 258,
      root: ROOT,
    });
    expect(hex(message)).toBe(
      `${hex(utf8('subtree/v1\n\0'))}0377c3a9${'0'.repeat(15)}2036c6f67${'0'.repeat(16)}${'0'.repeat(13)}102${hex(ROOT)}`,
    );
  });

  const subtree = { cosignerName: 'w', timestamp: 0n, origin: 'log', start: 8, end: 13, root: ROOT };
  const cases: readonly (readonly [string, object, string])[] = [
    ['with a start and no time', {}, 'accepted'],
    ['with a start and a time', { timestamp: 1n }, 'cosignature-malformed'],
    ['from 0 with a time', { start: 0, timestamp: 1n }, 'accepted'],
    ['with names of 255 bytes', { cosignerName: `${'é'.repeat(127)}e`, origin: 'x'.repeat(255) }, 'accepted'],
    ['with an origin of 256 bytes', { origin: 'é'.repeat(128) }, 'cosignature-malformed'],
    ['with a cosigner’s name of 256 bytes', { cosignerName: 'x'.repeat(256) }, 'cosignature-malformed'],
    ['with an empty origin', { origin: '' }, 'cosignature-malformed'],
    ['with an empty cosigner’s name', { cosignerName: '' }, 'cosignature-malformed'],
    ['with its end before its start', { end: 7 }, 'cosignature-malformed'],
    ['with a negative start', { start: -1 }, 'cosignature-malformed'],
    ['with a start that is no integer', { start: 8.5 }, 'cosignature-malformed'],
    ['with an end that is no integer', { end: 8.5 }, 'cosignature-malformed'],
    ['with a root of 31 bytes', { root: ROOT.subarray(1) }, 'cosignature-malformed'],
    ['with the largest time', { start: 0, timestamp: (1n << 63n) - 1n }, 'accepted'],
    ['with a time beyond 2^63 - 1', { start: 0, timestamp: 1n << 63n }, 'cosignature-malformed'],
    ['with a negative time', { start: 0, timestamp: -1n }, 'cosignature-malformed'],
  ];
  for (const [what, change, code] of cases) {
    it(`of a subtree ${what} is ${code}`, () => {
      expect(codeOf(() => mlDsaCosignedMessage({ ...subtree, ...change }))).toBe(code);
    });
  }
});

describe('a timestamped signature', () => {
  it('is a big-endian time and a signature', () => {
    const bytes = formatTimestampedSignature({ timestamp: 0x0102030405060708n, signature: Uint8Array.of(9) });
    expect(hex(bytes)).toBe('010203040506070809');
    expect(parseTimestampedSignature(bytes)).toEqual({ timestamp: 0x0102030405060708n, signature: Uint8Array.of(9) });
    expect(parseTimestampedSignature(new Uint8Array([0xff, ...bytes]).subarray(1)).timestamp).toBe(0x0102030405060708n);
  });

  it('is refused without a signature, and with a time beyond 2^63 - 1', () => {
    expect(codeOf(() => parseTimestampedSignature(new Uint8Array(8)))).toBe('cosignature-malformed');
    const bytes = new Uint8Array(72);
    bytes.set([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    expect(parseTimestampedSignature(bytes).timestamp).toBe((1n << 63n) - 1n);
    expect(cosignatureTime(bytes)).toBe(2 ** 63);
    bytes.set([0x80, 0, 0, 0, 0, 0, 0, 0]);
    expect(codeOf(() => parseTimestampedSignature(bytes))).toBe('cosignature-malformed');
    expect(codeOf(() => cosignatureTime(bytes))).toBe('cosignature-malformed');
    const signature = Uint8Array.of(1);
    expect(codeOf(() => formatTimestampedSignature({ timestamp: 1n << 63n, signature }))).toBe('cosignature-malformed');
    expect(codeOf(() => formatTimestampedSignature({ timestamp: -1n, signature }))).toBe('cosignature-malformed');
    expect(codeOf(() => formatTimestampedSignature({ timestamp: 1n, signature: new Uint8Array(0) }))).toBe(
      'cosignature-malformed',
    );
  });
});

for (const [name, key, cosigner, verifier, go, goKey] of [
  ['0x04', W4, w4, v4, GO_COSIGNED4, GO_WITNESS4_VKEY],
  ['0x06', W6, w6, v6, GO_COSIGNED6, GO_WITNESS6_VKEY],
] as const) {
  describe(`a cosignature of type ${name}`, () => {
    it('verifies, and says when it was made', async () => {
      const line = await cosign({ text: CHECKPOINT_TEXT, cosigner, time: TIME });
      expect(line).toMatchObject({ keyName: key.vkey.keyName, keyId: key.vkey.keyId });
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), line.signature)).toBe(true);
      expect(cosignatureTime(line.signature)).toBe(TIME);
    });

    it('is the same for the same input', async () => {
      const request = { text: CHECKPOINT_TEXT, cosigner, time: TIME };
      expect(await cosign(request)).toEqual(await cosign(request));
    });

    it('covers origin, size, root and time', async () => {
      const { signature } = await cosign({ text: CHECKPOINT_TEXT, cosigner, time: TIME });
      for (const change of [{ origin: 'example.com/else' }, { size: 43 }, { root: sha256(ROOT) }]) {
        expect(verifier.verify(new NoteText(formatCheckpoint({ ...CHECKPOINT, ...change })), signature)).toBe(false);
      }
      const later = signature.slice();
      later[7]! ^= 1;
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), later)).toBe(false);
    });

    it('is not valid with a bit flipped, cut short or made longer', async () => {
      const line = await cosign({ text: CHECKPOINT_TEXT, cosigner, time: TIME });
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), spoil(line).signature)).toBe(false);
      for (const n of [0, 1, 8, 9, line.signature.length - 1]) {
        expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), line.signature.subarray(0, n))).toBe(false);
      }
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), Uint8Array.of(...line.signature, 0))).toBe(false);
    });

    it('is not valid on a text that is no checkpoint', async () => {
      const message = ed25519CosignedMessage(utf8('hello\n'), BigInt(TIME));
      const signature = formatTimestampedSignature({
        timestamp: BigInt(TIME),
        signature: await cosigner.sign(message),
      });
      expect(verifier.verify(new NoteText('hello\n'), signature)).toBe(false);
      expect(await codeOfAsync(cosign({ text: 'hello\n', cosigner, time: TIME }))).toBe('checkpoint-malformed');
    });

    it('with a time beyond 2^63 - 1 is not valid', async () => {
      const timestamp = 1n << 63n;
      const { origin, size, root } = CHECKPOINT;
      const message =
        name === '0x04'
          ? ed25519CosignedMessage(utf8(CHECKPOINT_TEXT), timestamp)
          : mlDsaCosignedMessage({ cosignerName: key.vkey.keyName, timestamp: 0n, origin, start: 0, end: size, root });
      const bytes = new Uint8Array([0x80, 0, 0, 0, 0, 0, 0, 0, ...(await cosigner.sign(message))]);
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), bytes)).toBe(false);
    });

    it('signs all 64 bits of its time', async () => {
      const timestamp = (1n << 60n) + 1n;
      const { origin, size, root } = CHECKPOINT;
      const message =
        name === '0x04'
          ? ed25519CosignedMessage(utf8(CHECKPOINT_TEXT), timestamp)
          : mlDsaCosignedMessage({ cosignerName: key.vkey.keyName, timestamp, origin, start: 0, end: size, root });
      const signature = formatTimestampedSignature({ timestamp, signature: await cosigner.sign(message) });
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), signature)).toBe(true);
      signature[7]! ^= 1;
      expect(cosignatureTime(signature)).toBe(2 ** 60);
      expect(verifier.verify(new NoteText(CHECKPOINT_TEXT), signature)).toBe(false);
    });

    it('of Go verifies', () => {
      const note = parseSignedNote(utf8(go));
      const line = note.signatures.find(({ keyName }) => keyName === key.vkey.keyName);
      const goVerifier = cosignatureVerifier(parseVkey(goKey), { schemes });
      expect(goVerifier.verify(new NoteText(note.text), line!.signature)).toBe(true);
      expect(goVerifier.publicKey).toEqual(key.vkey.publicKey);
    });

    it('needs a time that is an integer', async () => {
      for (const time of [-1, 0.5, 2 ** 53, Number.NaN]) {
        await expect(cosign({ text: CHECKPOINT_TEXT, cosigner, time })).rejects.toThrow(RangeError);
      }
    });
  });
}

describe('the time 0', () => {
  it('is for type 0x06 only', async () => {
    const line = await cosign({ text: CHECKPOINT_TEXT, cosigner: w6, time: 0 });
    expect(v6.verify(new NoteText(CHECKPOINT_TEXT), line.signature)).toBe(true);
    expect(cosignatureTime(line.signature)).toBe(0);
    await expect(cosign({ text: CHECKPOINT_TEXT, cosigner: w4, time: 0 })).rejects.toThrow(RangeError);
  });
});

describe('extension lines', () => {
  const extended = `${CHECKPOINT_TEXT}extension\n`;

  it('are covered by type 0x04', async () => {
    const { signature } = await cosign({ text: extended, cosigner: w4, time: TIME });
    expect(v4.verify(new NoteText(extended), signature)).toBe(true);
    expect(v4.verify(new NoteText(CHECKPOINT_TEXT), signature)).toBe(false);
  });

  it('are not covered by type 0x06', async () => {
    const { signature } = await cosign({ text: extended, cosigner: w6, time: TIME });
    expect(v6.verify(new NoteText(extended), signature)).toBe(true);
    expect(v6.verify(new NoteText(CHECKPOINT_TEXT), signature)).toBe(true);
  });
});

describe('the cosigner’s name', () => {
  it('is covered by type 0x06', async () => {
    const renamed = cosignatureVerifier(keyOf('witness.example/other', 6, 6).vkey, { schemes });
    const { signature } = await cosign({ text: CHECKPOINT_TEXT, cosigner: w6, time: TIME });
    expect(renamed.verify(new NoteText(CHECKPOINT_TEXT), signature)).toBe(false);
  });

  it('and the origin have at most 255 bytes for type 0x06', async () => {
    const long = keyOf('x'.repeat(256), 6, 6);
    expect(codeOf(() => cosignatureVerifier(long.vkey, { schemes }))).toBe('key-malformed');
    expect(codeOf(() => cosignatureVerifier(keyOf('x'.repeat(255), 6, 6).vkey, { schemes }))).toBe('accepted');
    const longText = formatCheckpoint({ ...CHECKPOINT, origin: 'x'.repeat(256) });
    expect(await codeOfAsync(cosign({ text: longText, cosigner: w6, time: TIME }))).toBe('cosignature-malformed');
    expect(v6.verify(new NoteText(longText), new Uint8Array(2428))).toBe(false);
    const { signature } = await cosign({ text: longText, cosigner: w4, time: TIME });
    expect(v4.verify(new NoteText(longText), signature)).toBe(true);
  });
});

describe('a cosigner', () => {
  it('has a key of type 0x04 or 0x06', async () => {
    expect(codeOf(() => cosignerOf(LOG))).toBe('key-type');
    const fake = { vkey: LOG.vkey, sign: w4.sign };
    expect(await codeOfAsync(cosign({ text: CHECKPOINT_TEXT, cosigner: fake, time: TIME }))).toBe('key-type');
  });

  it('of type 0x06 needs its scheme', () => {
    expect(codeOf(() => cosignerOf(W6))).toBe('key-type');
  });
});

describe('ML-DSA-44', () => {
  it('signs deterministically as an independent implementation does', () => {
    expect(hex(sha256(mlDsa44.sign(utf8('message'), seedOf(6))))).toBe(GO_ML_DSA_SIGNATURE_SHA256);
    expect(parsePrivateKey(GO_WITNESS6_PRIVATE, { schemes }).vkey).toEqual(parseVkey(GO_WITNESS6_VKEY));
  });

  it('has the sizes of FIPS 204, table 2', () => {
    expect(mlDsa44.publicKey(seedOf(6))).toHaveLength(1312);
    expect(mlDsa44.sign(utf8(''), seedOf(6))).toHaveLength(2420);
    expect(mlDsa44).toMatchObject({ seedSize: 32, signatureSize: 2420 });
  });

  it('refuses keys and signatures of a wrong length', () => {
    const key = mlDsa44.publicKey(seedOf(6));
    const signature = mlDsa44.sign(utf8('m'), seedOf(6));
    expect(mlDsa44.verify(key, utf8('m'), signature)).toBe(true);
    expect(mlDsa44.verify(key.subarray(1), utf8('m'), signature)).toBe(false);
    expect(mlDsa44.verify(key, utf8('m'), signature.subarray(1))).toBe(false);
    expect(mlDsa44.verify(new Uint8Array(0), utf8('m'), new Uint8Array(0))).toBe(false);
  });
});

describe('the cosignature of a subtree', () => {
  const subtree = { origin: ORIGIN, start: 8, end: 13, root: ROOT };

  it('verifies, and has no time', async () => {
    const line = await cosignSubtree(subtree, w6);
    expect(verifySubtreeCosignature(subtree, line, W6.vkey, { schemes })).toBe(0);
  });

  it('of Go verifies', () => {
    const { keyName, keyId } = W6.vkey;
    const line = { keyName, keyId, signature: Uint8Array.from(Buffer.from(GO_SUBTREE6, 'base64')) };
    expect(verifySubtreeCosignature(subtree, line, W6.vkey, { schemes })).toBe(0);
  });

  it('covers the origin, the range and the root', async () => {
    const line = await cosignSubtree(subtree, w6);
    for (const change of [{ origin: 'else' }, { start: 0 }, { end: 14 }, { root: sha256(ROOT) }]) {
      const other = { ...subtree, ...change };
      expect(codeOf(() => verifySubtreeCosignature(other, line, W6.vkey, { schemes }))).toBe('note-signature');
    }
    const spoiled = spoil(line);
    expect(codeOf(() => verifySubtreeCosignature(subtree, spoiled, W6.vkey, { schemes }))).toBe('note-signature');
  });

  it('is that of a checkpoint if the subtree starts at 0', async () => {
    const whole = { origin: ORIGIN, start: 0, end: CHECKPOINT.size, root: ROOT };
    const line = await cosign({ text: CHECKPOINT_TEXT, cosigner: w6, time: TIME });
    expect(verifySubtreeCosignature(whole, line, W6.vkey, { schemes })).toBe(TIME);
    const untimed = await cosignSubtree(whole, w6);
    expect(v6.verify(new NoteText(CHECKPOINT_TEXT), untimed.signature)).toBe(true);
  });

  it('is refused with a time if the subtree does not start at 0', async () => {
    const line = await cosignSubtree(subtree, w6);
    line.signature[7] = 1;
    expect(codeOf(() => verifySubtreeCosignature(subtree, line, W6.vkey, { schemes }))).toBe('cosignature-malformed');
  });

  it('is refused for a range that is no subtree', async () => {
    const odd = { ...subtree, start: 7 };
    expect(await codeOfAsync(cosignSubtree(odd, w6))).toBe('cosignature-malformed');
    const line = await cosignSubtree(subtree, w6);
    expect(codeOf(() => verifySubtreeCosignature(odd, line, W6.vkey, { schemes }))).toBe('cosignature-malformed');
  });

  it('is refused by another key', async () => {
    const line = await cosignSubtree(subtree, w6);
    for (const other of [
      { ...line, keyName: 'other' },
      { ...line, keyId: line.keyId - 1 },
    ]) {
      expect(codeOf(() => verifySubtreeCosignature(subtree, other, W6.vkey, { schemes }))).toBe('note-unsigned');
    }
  });

  it('is made by keys of type 0x06 only', async () => {
    const line = await cosignSubtree(subtree, w6);
    expect(await codeOfAsync(cosignSubtree(subtree, w4))).toBe('key-type');
    expect(codeOf(() => verifySubtreeCosignature(subtree, line, W4.vkey, { schemes }))).toBe('key-type');
    expect(codeOf(() => verifySubtreeCosignature(subtree, line, W6.vkey))).toBe('key-type');
  });
});

describe('the text of a note', () => {
  it('is encoded and read once', () => {
    const note = new NoteText(CHECKPOINT_TEXT);
    expect(note.bytes).toEqual(utf8(CHECKPOINT_TEXT));
    expect(note.bytes).toBe(note.bytes);
    expect(note.checkpoint).toEqual(CHECKPOINT);
    expect(note.checkpoint).toBe(note.checkpoint);
    expect(codeOf(() => new NoteText('hello\n').checkpoint)).toBe('checkpoint-malformed');
  });

  it('is one for all who verify its signatures', async () => {
    const cosigners = [keyOf('a', 4, 1), keyOf('b', 4, 2)].map((key) => cosignerOf(key));
    const lines = await Promise.all(
      [1, 2, 3].flatMap((time) => cosigners.map((cosigner) => cosign({ text: CHECKPOINT_TEXT, cosigner, time }))),
    );
    const seen: NoteText[] = [];
    const verifiers = cosigners.map(({ vkey }) => {
      const verifier = cosignatureVerifier(vkey);
      return {
        ...verifier,
        verify: (note: NoteText, line: Uint8Array) => seen.push(note) > 0 && verifier.verify(note, line),
      };
    });
    expect(openNote({ text: CHECKPOINT_TEXT, signatures: lines }, verifiers).verified).toHaveLength(2);
    expect(seen).toHaveLength(6);
    expect(new Set(seen).size).toBe(1);
  });
});

describe('a timestamped signature', () => {
  it('does not share the bytes that it was read from, of a Buffer neither', () => {
    const bytes = Buffer.from(formatTimestampedSignature({ timestamp: 5n, signature: Uint8Array.of(1, 2, 3) }));
    const { signature } = parseTimestampedSignature(bytes);
    bytes.fill(0);
    expect(signature).toEqual(Uint8Array.of(1, 2, 3));
  });
});
