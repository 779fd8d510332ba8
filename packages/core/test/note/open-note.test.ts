import { describe, expect, it } from 'vitest';
import { cosignatureVerifier } from '../../src/note/cosignature.ts';
import { ed25519Signer, ed25519Verifier } from '../../src/note/ed25519.ts';
import { verifierOf } from '../../src/note/key-verifier.ts';
import { openNote } from '../../src/note/open-note.ts';
import { addSignatures, parseSignedNote, signNote } from '../../src/note/signed-note.ts';
import { parseVkey } from '../../src/note/vkey.ts';
import { checkpointNote, codeOf, errorOf, keyOf, LOG, schemes, spoil, TIME, utf8 } from './fixtures.ts';
import {
  GO_COSIGNED4,
  GO_COSIGNED6,
  GO_LOG_VKEY,
  GO_NOTE,
  GO_ODD_NOTE,
  GO_UNICODE_VKEY,
  GO_WITNESS4_VKEY,
  GO_WITNESS6_VKEY,
} from './vectors.ts';

const OTHER = keyOf('example.com/other', 1, 99);
const known = ed25519Verifier(LOG.vkey);
const verifierFor = (vkey: string) => verifierOf(parseVkey(vkey), { schemes });

const EXAMPLE =
  'This is an example message.\n\n' +
  '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';
const EXAMPLE_VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';

describe('opening a note', () => {
  it('accepts the example of signed-note', () => {
    const opened = openNote(utf8(EXAMPLE), [verifierFor(EXAMPLE_VKEY)]);
    expect(opened.text).toBe('This is an example message.\n');
    expect(opened.verified).toHaveLength(1);
    expect(opened.unverified).toEqual([]);
  });

  for (const [name, note, vkeys] of [
    ['of two keys', GO_NOTE, [GO_LOG_VKEY, GO_UNICODE_VKEY]],
    ['with empty lines', GO_ODD_NOTE, [GO_LOG_VKEY]],
    ['with an Ed25519 cosignature', GO_COSIGNED4, [GO_LOG_VKEY, GO_WITNESS4_VKEY]],
    ['with an ML-DSA-44 cosignature', GO_COSIGNED6, [GO_LOG_VKEY, GO_WITNESS6_VKEY]],
  ] as const) {
    it(`accepts the notes of Go: ${name}`, () => {
      const opened = openNote(utf8(note), vkeys.map(verifierFor));
      expect(opened.verified.map(({ verifier }) => verifier.keyName)).toEqual(
        vkeys.map((vkey) => parseVkey(vkey).keyName),
      );
      expect(opened.unverified).toEqual([]);
    });
  }

  it('refuses a note whose text was changed', () => {
    const changed = EXAMPLE.replace('example message', 'examine message');
    expect(codeOf(() => openNote(utf8(changed), [verifierFor(EXAMPLE_VKEY)]))).toBe('note-signature');
  });

  it('ignores unknown keys, bad signatures included, and keeps them aside', async () => {
    const note = await signNote('text\n', [ed25519Signer(LOG), ed25519Signer(OTHER)]);
    const [first, second] = note.signatures;
    const opened = openNote({ ...note, signatures: [spoil(second!), first!] }, [known]);
    expect(opened.verified.map(({ signatures }) => signatures)).toEqual([[first!.signature]]);
    expect(opened.unverified).toEqual([spoil(second!)]);
  });

  it('ignores keys that share only the name or only the ID with a known key', async () => {
    const note = await signNote('text\n', [ed25519Signer(LOG)]);
    const [line] = note.signatures;
    const strangers = [
      { ...spoil(line!), keyId: line!.keyId + 1 },
      { ...spoil(line!), keyName: 'example.com/stranger' },
    ];
    expect(openNote({ ...note, signatures: [...strangers, line!] }, [known]).unverified).toEqual(strangers);
    expect(codeOf(() => openNote({ ...note, signatures: strangers }, [known]))).toBe('note-unsigned');
  });

  it('refuses a note with a bad signature by a known key, even beside a good one', async () => {
    const note = await signNote('text\n', [ed25519Signer(LOG), ed25519Signer(OTHER)]);
    const [first, second] = note.signatures;
    const verifiers = [known, ed25519Verifier(OTHER.vkey)];
    expect(codeOf(() => openNote(note, verifiers))).toBe('accepted');
    expect(codeOf(() => openNote({ ...note, signatures: [first!, spoil(second!)] }, verifiers))).toBe('note-signature');
    expect(codeOf(() => openNote({ ...note, signatures: [spoil(first!), second!] }, verifiers))).toBe('note-signature');
    expect(codeOf(() => openNote({ ...note, signatures: [first!, spoil(first!)] }, [known]))).toBe('note-signature');
    const short = { ...first!, signature: first!.signature.subarray(0, 63) };
    expect(codeOf(() => openNote({ ...note, signatures: [short] }, [known]))).toBe('note-signature');
  });

  it('refuses a note that no known key signed, and says who did', async () => {
    const note = await signNote('text\n', [ed25519Signer(OTHER)]);
    expect(errorOf(() => openNote(note, [known]))).toMatchObject({
      code: 'note-unsigned',
      message: expect.stringContaining('example.com/other'),
    });
    expect(codeOf(() => openNote(note, []))).toBe('note-unsigned');
  });

  it('counts a key once, however often it signed, and keeps its different signatures', async () => {
    const witness = keyOf('w', 4, 4);
    const note = parseSignedNote(
      await checkpointNote(
        [
          [witness, TIME],
          [witness, TIME + 1],
        ],
        { log: [] },
      ),
    );
    const twice = { ...note, signatures: [...note.signatures, ...note.signatures] };
    const { verified } = openNote(twice, [cosignatureVerifier(witness.vkey)]);
    expect(verified).toHaveLength(1);
    expect(verified[0]?.signatures).toEqual(note.signatures.map(({ signature }) => signature));
    const spoiled = addSignatures(note, [spoil(note.signatures[0]!)]);
    expect(codeOf(() => openNote(spoiled, [cosignatureVerifier(witness.vkey)]))).toBe('note-signature');
  });

  it('takes a key that is listed twice, and no two keys of one name and ID', async () => {
    const note = await signNote('text\n', [ed25519Signer(LOG)]);
    expect(openNote(note, [known, ed25519Verifier(LOG.vkey)]).verified).toHaveLength(1);
    const clash = { ...ed25519Verifier(OTHER.vkey), keyName: known.keyName, keyId: known.keyId };
    expect(codeOf(() => openNote(note, [known, clash]))).toBe('key-malformed');
  });

  it('passes on what a malformed note is refused with', () => {
    expect(codeOf(() => openNote(utf8('text\n'), [known]))).toBe('note-malformed');
  });
});

describe('a verifier', () => {
  it('is made for keys of types 0x01, 0x04 and 0x06 only', () => {
    for (const type of [1, 4, 6]) expect(verifierOf(keyOf('k', type, 3).vkey, { schemes }).type).toBe(type);
    const unknown = { keyName: 'k', keyId: 1, type: 2, publicKey: Uint8Array.of(1) };
    expect(codeOf(() => verifierOf(unknown, { schemes }))).toBe('key-type');
    expect(codeOf(() => ed25519Verifier(keyOf('k', 4, 3).vkey))).toBe('key-type');
    expect(codeOf(() => cosignatureVerifier(keyOf('k', 1, 3).vkey))).toBe('key-type');
  });

  it('of type 0x06 needs its scheme, and the refusal says where it is', () => {
    const error = errorOf(() => verifierOf(keyOf('k', 6, 3).vkey));
    expect(error).toMatchObject({ code: 'key-type', message: expect.stringContaining('@vitrine/core/ml-dsa') });
  });

  it('is not made for a key that a vkey could not hold', () => {
    expect(codeOf(() => verifierOf({ ...LOG.vkey, keyId: 1 }))).toBe('key-malformed');
    expect(codeOf(() => verifierOf({ ...keyOf('k', 4, 3).vkey, keyId: 1 }))).toBe('key-malformed');
  });
});
