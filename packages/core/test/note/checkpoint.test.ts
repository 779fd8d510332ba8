import { describe, expect, it } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from '../../src/note/checkpoint.ts';
import { cosign } from '../../src/note/cosignature.ts';
import { cosignerOf } from '../../src/note/cosigner.ts';
import { ed25519Signer } from '../../src/note/ed25519.ts';
import { type OpenCheckpointOptions, openCheckpoint } from '../../src/note/open-checkpoint.ts';
import { addSignatures, formatSignedNote, parseSignedNote, signNote } from '../../src/note/signed-note.ts';
import { EMPTY_ROOT } from '../../src/tree/hash.ts';
import {
  CHECKPOINT,
  CHECKPOINT_TEXT,
  checkpointNote,
  codeOf,
  codeOfAsync,
  errorOf,
  keyOf,
  LOG,
  LOG_ML_DSA,
  ORIGIN,
  ROOT,
  schemes,
  spoil,
  TIME,
  utf8,
} from './fixtures.ts';

const HASH = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
const EMPTY = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

describe('a checkpoint', () => {
  it('is read: the example of tlog-checkpoint', () => {
    const text = `example.com/behind-the-sofa\n20852163\n${HASH}\n`;
    const checkpoint = parseCheckpoint(text);
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163, extensions: [] });
    expect(Buffer.from(checkpoint.root).toString('base64')).toBe(HASH);
    expect(formatCheckpoint(checkpoint)).toBe(text);
  });

  it('is refused for a size that is no number without showing it, if it is too long to be one', () => {
    const refusal = (size: string) =>
      errorOf(() => parseCheckpoint(`o\n${size}\n`.concat('A'.repeat(43), '=\n')))?.message;
    expect(refusal('0x10')).toContain('found "0x10"');
    expect(refusal('PRIVATE+KEY+name+01234567+SECRET')).toMatch(/found 32 characters$/);
  });

  it('may have an origin that is no URL, and extension lines', () => {
    const text = `go.sum database tree + more\n7\n${HASH}\nfirst\n — second\n`;
    expect(parseCheckpoint(text).extensions).toEqual(['first', ' — second']);
    expect(formatCheckpoint(parseCheckpoint(text))).toBe(text);
  });

  it('may be of the empty tree', () => {
    expect(parseCheckpoint(`o\n0\n${EMPTY}\n`)).toEqual({ origin: 'o', size: 0, root: EMPTY_ROOT, extensions: [] });
  });

  it('may be of the largest tree', () => {
    expect(parseCheckpoint(`o\n9007199254740991\n${HASH}\n`).size).toBe(Number.MAX_SAFE_INTEGER);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['one line', 'o\n'],
    ['two lines', 'o\n1\n'],
    ['no last newline', `o\n1\n${HASH}`],
    ['another character for the last newline', `o\n1\n${HASH}x`],
    ['an empty origin', `\n1\n${HASH}\n`],
    ['an empty size', `o\n\n${HASH}\n`],
    ['an empty root', 'o\n1\n\n'],
    ['a size with leading zeroes', `o\n01\n${HASH}\n`],
    ['a size with a sign', `o\n+1\n${HASH}\n`],
    ['a negative size', `o\n-1\n${HASH}\n`],
    ['a size in hex', `o\n0x1\n${HASH}\n`],
    ['a size with a space', `o\n 1\n${HASH}\n`],
    ['a size beyond 2^53 - 1', `o\n9007199254740992\n${HASH}\n`],
    ['a root of 31 bytes', `o\n1\n${Buffer.alloc(31).toString('base64')}\n`],
    ['a root of 33 bytes', `o\n1\n${Buffer.alloc(33).toString('base64')}\n`],
    ['a root in base64url', `o\n1\n${HASH.replace('/', '_')}\n`],
    ['a root that is not canonical', `o\n1\n${HASH.replace('2I=', '2J=')}\n`],
    ['an empty extension line', `o\n1\n${HASH}\n\n`],
    ['an empty line between extension lines', `o\n1\n${HASH}\na\n\nb\n`],
    ['a tab in its origin', `o\to\n1\n${HASH}\n`],
    ['a carriage return in an extension line', `o\n1\n${HASH}\na\r\n`],
    ['half a surrogate pair', `o\ud800\n1\n${HASH}\n`],
  ];
  for (const [what, text] of refused) {
    it(`is refused with ${what}`, () => {
      expect(codeOf(() => parseCheckpoint(text))).toBe('checkpoint-malformed');
    });
  }

  it('is refused with size 0 and another root than the empty tree’s', () => {
    expect(codeOf(() => parseCheckpoint(`o\n0\n${HASH}\n`))).toBe('checkpoint-root');
    expect(codeOf(() => formatCheckpoint({ ...CHECKPOINT, size: 0 }))).toBe('checkpoint-root');
  });

  it('is not written if it could not be read', () => {
    for (const bad of [
      { origin: '' },
      { origin: 'a\nb' },
      { origin: 'a\t' },
      { root: ROOT.subarray(1) },
      { extensions: [''] },
      { extensions: ['a\nb'] },
    ]) {
      expect(codeOf(() => formatCheckpoint({ ...CHECKPOINT, ...bad }))).toBe('checkpoint-malformed');
    }
    for (const size of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => formatCheckpoint({ ...CHECKPOINT, size })).toThrow(RangeError);
    }
  });
});

describe('opening a checkpoint', () => {
  const witness = keyOf('w', 4, 4);
  const options: OpenCheckpointOptions = { origin: ORIGIN, keys: [LOG.vkey], schemes };

  it('accepts one that the log signed', async () => {
    const opened = openCheckpoint(await checkpointNote([]), options);
    expect(opened.checkpoint).toEqual(CHECKPOINT);
    expect(opened.log).toEqual(LOG.vkey);
  });

  it('accepts one that any of the log’s keys signed', async () => {
    const keys = [LOG.vkey, LOG_ML_DSA.vkey, keyOf(ORIGIN, 1, 17).vkey];
    const bytes = await checkpointNote([[LOG_ML_DSA, TIME]], { log: [] });
    expect(openCheckpoint(bytes, { ...options, keys }).log).toEqual(LOG_ML_DSA.vkey);
    expect(openCheckpoint(await checkpointNote([]), { ...options, keys }).log).toEqual(LOG.vkey);
  });

  it('compares the origin', async () => {
    const content = formatCheckpoint({ ...CHECKPOINT, origin: 'example.com/else' });
    expect(codeOf(() => openCheckpoint(utf8(''), options))).toBe('note-malformed');
    const other = await checkpointNote([], { content });
    expect(codeOf(() => openCheckpoint(other, options))).toBe('checkpoint-origin');
  });

  it('takes no keys with another name than the origin', async () => {
    const keys = [LOG.vkey, keyOf('example.com/else', 1, 1).vkey];
    const bytes = await checkpointNote([]);
    expect(codeOf(() => openCheckpoint(bytes, { ...options, keys }))).toBe('checkpoint-origin');
  });

  it('takes no keys of other types than 0x01 and 0x06', async () => {
    const bytes = await checkpointNote([]);
    for (const [type, code] of [
      [1, 'accepted'],
      [4, 'key-type'],
      [6, 'accepted'],
    ] as const) {
      const keys = [LOG.vkey, keyOf(ORIGIN, type, 50).vkey];
      expect(codeOf(() => openCheckpoint(bytes, { ...options, keys }))).toBe(code);
    }
  });

  it('refuses one that only a cosigner signed', async () => {
    const bytes = await checkpointNote([[witness, TIME]], { log: [] });
    expect(codeOf(() => openCheckpoint(bytes, options))).toBe('note-unsigned');
    expect(codeOf(() => openCheckpoint(bytes, { ...options, cosigners: [witness.vkey] }))).toBe('note-unsigned');
  });

  it('refuses one with a bad signature by the log or by a cosigner that was named', async () => {
    const note = parseSignedNote(await checkpointNote([[witness, TIME]]));
    const [log, cosignature] = note.signatures;
    const bad = formatSignedNote({ ...note, signatures: [log!, spoil(cosignature!)] });
    expect(codeOf(() => openCheckpoint(bad, options))).toBe('accepted');
    expect(codeOf(() => openCheckpoint(bad, { ...options, cosigners: [witness.vkey] }))).toBe('note-signature');
    const worse = formatSignedNote(addSignatures(note, [spoil(log!)]));
    expect(codeOf(() => openCheckpoint(worse, options))).toBe('note-signature');
  });

  it('refuses a note that is no checkpoint', async () => {
    const { signatures } = parseSignedNote(await checkpointNote([]));
    const bytes = formatSignedNote({ text: 'hello\n', signatures });
    expect(codeOf(() => openCheckpoint(bytes, options))).toBe('checkpoint-malformed');
  });

  it('refuses another root of the empty tree than it has, once it knows that the log signed it', async () => {
    const content = `${ORIGIN}\n0\n${HASH}\n`;
    const signed = formatSignedNote(await signNote(content, [ed25519Signer(LOG)]));
    expect(codeOf(() => openCheckpoint(signed, options))).toBe('checkpoint-root');
    const other = formatSignedNote(await signNote(content, [ed25519Signer(keyOf(ORIGIN, 1, 9))]));
    expect(codeOf(() => openCheckpoint(other, options))).toBe('note-unsigned');
    const cosigned = cosign({ text: content, cosigner: cosignerOf(witness), time: TIME });
    expect(await codeOfAsync(cosigned)).toBe('checkpoint-root');
  });

  it('needs the scheme of type 0x06 only if such a key has a line', async () => {
    const keys = [LOG.vkey, LOG_ML_DSA.vkey];
    const plain = await checkpointNote([]);
    expect(codeOf(() => openCheckpoint(plain, { origin: ORIGIN, keys }))).toBe('accepted');
    const both = await checkpointNote([[LOG_ML_DSA, TIME]]);
    expect(codeOf(() => openCheckpoint(both, { origin: ORIGIN, keys }))).toBe('key-type');
    expect(codeOf(() => openCheckpoint(both, { origin: ORIGIN, keys, schemes }))).toBe('accepted');
  });

  it('returns extension lines only if a signature of the log covers them', async () => {
    const content = `${CHECKPOINT_TEXT}extension\n`;
    const keys = [LOG.vkey, LOG_ML_DSA.vkey];
    const ed25519 = await checkpointNote([[LOG_ML_DSA, TIME]], { content });
    expect(openCheckpoint(ed25519, { ...options, keys }).checkpoint.extensions).toEqual(['extension']);
    expect(openCheckpoint(ed25519, { ...options, keys: [LOG_ML_DSA.vkey] }).checkpoint.extensions).toEqual([]);
    const mlDsa = await checkpointNote([[LOG_ML_DSA, TIME]], { content, log: [] });
    expect(openCheckpoint(mlDsa, { ...options, keys }).checkpoint.extensions).toEqual([]);
  });
});
