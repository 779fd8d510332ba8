import { describe, expect, it } from 'vitest';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { parsePrivateKey } from '../../src/note/private-key.ts';
import {
  formatSignatureLines,
  MAX_NOTE_SIGNATURES,
  MAX_NOTE_SIZE,
  parseSignatureLines,
} from '../../src/note/signature-line.ts';
import { addSignatures, formatSignedNote, parseSignedNote, signNote } from '../../src/note/signed-note.ts';
import { CHECKPOINT_TEXT, codeOf, codeOfAsync, LOG, text, utf8 } from './fixtures.ts';
import { GO_COSIGNED6, GO_LOG_PRIVATE, GO_NOTE, GO_ODD_NOTE, GO_UNICODE_PRIVATE } from './vectors.ts';

const LINE = '— k AAAAAQI=\n';
const line = { keyName: 'k', keyId: 1, signature: Uint8Array.of(2) };
const parseText = (note: string) => parseSignedNote(utf8(note));

const SPEC_POEM =
  'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n' +
  '— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n';

describe('a signed note', () => {
  for (const [name, note] of Object.entries({ SPEC_POEM, GO_NOTE, GO_ODD_NOTE, GO_COSIGNED6 })) {
    it(`is written as it was read: ${name}`, () => {
      expect(text(formatSignedNote(parseText(note)))).toBe(note);
    });
  }

  it('is split at the last empty line', () => {
    expect(parseText(SPEC_POEM).text).toBe(SPEC_POEM.slice(0, SPEC_POEM.lastIndexOf('\n\n') + 1));
    expect(parseText(GO_ODD_NOTE).text).toBe('first\n\n— not a signature\n\nlast\n\n');
    expect(parseText(`\n\n${LINE}`)).toEqual({ text: '\n', signatures: [line] });
  });

  it('keeps a byte order mark', () => {
    const note = `\ufefftext\n\n${LINE}`;
    expect(parseText(note).text).toBe('\ufefftext\n');
    expect(text(formatSignedNote(parseText(note)))).toBe(note);
  });

  it('is made byte for byte as by Go', async () => {
    const signers = [GO_LOG_PRIVATE, GO_UNICODE_PRIVATE].map((key) => ed25519Signer(parsePrivateKey(key)));
    expect(text(formatSignedNote(await signNote(CHECKPOINT_TEXT, signers)))).toBe(GO_NOTE);
  });

  it('may be signed by something that answers later', async () => {
    const signer = ed25519Signer(LOG);
    const slow = { keyName: signer.keyName, keyId: signer.keyId, sign: async (m: Uint8Array) => signer.sign(m) };
    expect(await signNote('text\n', [slow])).toEqual(await signNote('text\n', [signer]));
  });

  const refused: readonly (readonly [string, string | Uint8Array])[] = [
    ['with nothing', ''],
    ['without signatures', 'text\n'],
    ['without signature lines', 'text\n\n'],
    ['without a text', `\n${LINE}`],
    ['without an empty line', `text\n${LINE}`],
    ['with something after the signatures', `text\n\n${LINE}more\n`],
    ['with an empty line after the signatures', `text\n\n${LINE}\n`],
    ['with an empty line between signatures', `text\n\n${LINE}\n${LINE.slice(2)}`],
    ['without the last newline', `text\n\n${LINE.slice(0, -1)}`],
    ['with carriage returns', `text\r\n\n${LINE}`],
    ['with a tab in its text', `te\txt\n\n${LINE}`],
    ['with a zero byte in its text', `te\0xt\n\n${LINE}`],
    ['with an escape in its text', `te\u001bxt\n\n${LINE}`],
    ['with a tab in a key name', `text\n\n— k\tk AAAAAQI=\n`],
    ['with a hyphen for the em dash', `text\n\n- k AAAAAQI=\n`],
    ['with no space after the em dash', `text\n\n—k AAAAAQI=\n`],
    ['with two spaces after the em dash', `text\n\n—  k AAAAAQI=\n`],
    ['with two spaces after the key name', `text\n\n— k  AAAAAQI=\n`],
    ['with a space at a line’s end', `text\n\n— k AAAAAQI= \n`],
    ['with an empty key name', `text\n\n—  AAAAAQI=\n`],
    ['with a plus sign in a key name', `text\n\n— k+k AAAAAQI=\n`],
    ['with a no-break space in a key name', `text\n\n— k\u00a0k AAAAAQI=\n`],
    ['without a signature on a line', `text\n\n— k\n`],
    ['with an empty signature on a line', `text\n\n— k \n`],
    ['with nothing after a key ID', `text\n\n— k AAAAAQ==\n`],
    ['with base64 that is not canonical', `text\n\n— k AAAAAQJ=\n`],
    ['with base64 without padding', `text\n\n— k AAAAAQI\n`],
    ['with base64url', `text\n\n— k AAAAAf__\n`],
    ['that is not UTF-8', Uint8Array.of(0x74, 0xff, 0x0a, 0x0a, ...utf8(LINE))],
    ['with an overlong encoding', Uint8Array.of(0xc1, 0xa1, 0x0a, 0x0a, ...utf8(LINE))],
    ['with an encoded surrogate', Uint8Array.of(0xed, 0xa0, 0x80, 0x0a, 0x0a, ...utf8(LINE))],
  ];
  for (const [what, note] of refused) {
    it(`is refused ${what}`, () => {
      expect(codeOf(() => parseSignedNote(typeof note === 'string' ? utf8(note) : note))).toBe('note-malformed');
    });
  }

  it('is read with sixteen signatures and more, up to the limit', () => {
    expect(MAX_NOTE_SIGNATURES).toBeGreaterThanOrEqual(16);
    for (const n of [16, MAX_NOTE_SIGNATURES]) {
      expect(parseText(`text\n\n${LINE.repeat(n)}`).signatures).toHaveLength(n);
    }
    const tooMany = `text\n\n${LINE.repeat(MAX_NOTE_SIGNATURES + 1)}`;
    expect(codeOf(() => parseText(tooMany))).toBe('note-malformed');
  });

  it('is refused beyond its largest size, before anything is read', () => {
    const fits = `${'x'.repeat(MAX_NOTE_SIZE - 2 - utf8(LINE).length)}\n\n${LINE}`;
    expect(utf8(fits)).toHaveLength(MAX_NOTE_SIZE);
    expect(codeOf(() => parseText(fits))).toBe('accepted');
    expect(codeOf(() => parseText(`x${fits}`))).toBe('note-too-large');
    expect(codeOf(() => parseSignedNote(new Uint8Array(MAX_NOTE_SIZE + 1)))).toBe('note-too-large');
    expect(codeOf(() => formatSignedNote({ text: `${'x'.repeat(MAX_NOTE_SIZE)}\n`, signatures: [line] }))).toBe(
      'note-too-large',
    );
  });

  it('is not written if it could not be read', () => {
    expect(codeOf(() => formatSignedNote({ text: 'a\n', signatures: [line] }))).toBe('accepted');
    for (const bad of ['', 'a', 'a\t\n', 'a\ud800\n']) {
      expect(codeOf(() => formatSignedNote({ text: bad, signatures: [line] }))).toBe('note-malformed');
    }
    for (const bad of [
      { ...line, keyName: 'a b' },
      { ...line, keyName: '' },
      { ...line, keyName: 'a\n' },
      { ...line, keyId: -1 },
      { ...line, keyId: 2 ** 32 },
      { ...line, keyId: 1.5 },
      { ...line, signature: new Uint8Array(0) },
    ]) {
      expect(codeOf(() => formatSignedNote({ text: 'a\n', signatures: [bad] }))).toBe('note-malformed');
    }
    expect(codeOf(() => formatSignedNote({ text: 'a\n', signatures: [] }))).toBe('note-malformed');
    const many = Array.from({ length: MAX_NOTE_SIGNATURES + 1 }, () => line);
    expect(codeOf(() => formatSignedNote({ text: 'a\n', signatures: many }))).toBe('note-malformed');
  });

  it('is not signed if it could not be read', async () => {
    const signer = ed25519Signer(LOG);
    for (const bad of ['a', 'a\r\n', '\udfff\n'])
      expect(await codeOfAsync(signNote(bad, [signer]))).toBe('note-malformed');
    expect(await codeOfAsync(signNote('a\n', []))).toBe('note-malformed');
  });

  it('reaches no signer if its text is bad', async () => {
    let asked = 0;
    const signer = { keyName: 'k', keyId: 1, sign: () => Uint8Array.of(++asked) };
    expect(await codeOfAsync(signNote('a\t\n', [signer]))).toBe('note-malformed');
    expect(asked).toBe(0);
  });

  it('takes more signatures, none of them twice', () => {
    const note = parseText(`text\n\n${LINE}`);
    const other = { ...line, signature: Uint8Array.of(3) };
    expect(addSignatures(note, [line, other, other]).signatures).toEqual([line, other]);
    expect(
      addSignatures(note, [
        { ...line, keyId: 2 },
        { ...line, keyName: 'l' },
      ]).signatures,
    ).toHaveLength(3);
    expect(note.signatures).toHaveLength(1);
    const many = Array.from({ length: MAX_NOTE_SIGNATURES }, (_, i) => ({ ...line, keyId: 100 + i }));
    expect(codeOf(() => addSignatures(note, many))).toBe('note-malformed');
  });
});

describe('signature lines without a note', () => {
  it('are written as they were read', () => {
    const bytes = utf8(GO_COSIGNED6.slice(GO_COSIGNED6.lastIndexOf('\n\n') + 2));
    expect(parseSignatureLines(bytes)).toHaveLength(2);
    expect(formatSignatureLines(parseSignatureLines(bytes))).toEqual(bytes);
  });

  it('are refused if there are none, too many, or something else', () => {
    for (const bad of ['', '\n', 'text\n', `\n${LINE}`, LINE.slice(0, -1), LINE.repeat(MAX_NOTE_SIGNATURES + 1)]) {
      expect(codeOf(() => parseSignatureLines(utf8(bad)))).toBe('note-malformed');
    }
    expect(codeOf(() => parseSignatureLines(Uint8Array.of(0xff, 0x0a)))).toBe('note-malformed');
    expect(codeOf(() => parseSignatureLines(new Uint8Array(MAX_NOTE_SIZE + 1)))).toBe('note-too-large');
    expect(codeOf(() => formatSignatureLines([]))).toBe('note-malformed');
    const huge = { ...line, signature: new Uint8Array(MAX_NOTE_SIZE) };
    expect(codeOf(() => formatSignatureLines([huge]))).toBe('note-too-large');
  });
});
