import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CoreError } from '../../src/error.ts';
import { formatAddCheckpoint, parseAddCheckpoint } from '../../src/note/add-checkpoint.ts';
import { formatCheckpoint, parseCheckpoint } from '../../src/note/checkpoint.ts';
import { formatPolicy } from '../../src/note/format-policy.ts';
import { verifierOf } from '../../src/note/key-verifier.ts';
import { openNote } from '../../src/note/open-note.ts';
import { parsePolicy } from '../../src/note/parse-policy.ts';
import type { Policy } from '../../src/note/policy.ts';
import { formatPrivateKey, parsePrivateKey } from '../../src/note/private-key.ts';
import { quorumSatisfied } from '../../src/note/quorum.ts';
import { formatSignSubtree, parseSignSubtree } from '../../src/note/sign-subtree.ts';
import { formatSignatureLines, parseSignatureLines } from '../../src/note/signature-line.ts';
import { formatSignedNote, parseSignedNote } from '../../src/note/signed-note.ts';
import { formatTimestampedSignature, parseTimestampedSignature } from '../../src/note/timestamped-signature.ts';
import { formatTlogProof, parseTlogProof } from '../../src/note/tlog-proof.ts';
import { verifyCheckpoint } from '../../src/note/verify-checkpoint.ts';
import { formatVkey, keyId, parseVkey } from '../../src/note/vkey.ts';
import { CHECKPOINT_TEXT, keyOf, LOG, RUNS, schemes, text, utf8 } from './fixtures.ts';
import {
  GO_COSIGNED4,
  GO_COSIGNED6,
  GO_LOG_PRIVATE,
  GO_LOG_VKEY,
  GO_NOTE,
  GO_ODD_NOTE,
  GO_UNICODE_PRIVATE,
  GO_UNICODE_VKEY,
  GO_WITNESS4_VKEY,
  GO_WITNESS6_VKEY,
} from './vectors.ts';

const HASH = 'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n';
const POLICY = `# comment\nlog ${GO_LOG_VKEY} https://log.example/\nwitness a ${GO_WITNESS4_VKEY}\n\twitness b ${GO_WITNESS6_VKEY} u\ngroup g 1 a b\nquorum g\n`;

/** What breaks parsers of lines, numbers, base64 and UTF-8. */
const snippet = fc.constantFrom(
  ...['\n', '\n\n', ' ', '\t', '\r', '\0', '+', '=', '==', '— ', '#', '0', '00', '-1', '9007199254740993', 'none'],
  ...['group g any a\n', 'quorum none\n', 'extra ', 'index 0\n', 'old 0\n', '\ufeff', '\u00a0', '\u0085', '\u{10ffff}'],
);

const edit = fc.record({
  at: fc.nat(),
  remove: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(200) }),
  insert: fc.oneof(snippet.map(utf8), fc.uint8Array({ maxLength: 4 })),
});

/** Valid inputs, changed in up to three places, some not at all; and bytes from nowhere. */
function inputs(...valid: string[]): fc.Arbitrary<Uint8Array> {
  const mutated = fc
    .tuple(fc.constantFrom(...valid.map(utf8)), fc.array(edit, { maxLength: 3 }))
    .map(([input, edits]) =>
      edits.reduce((bytes, { at, remove, insert }) => {
        const start = at % (bytes.length + 1);
        return Uint8Array.of(...bytes.subarray(0, start), ...insert, ...bytes.subarray(start + remove));
      }, input),
    );
  return fc.oneof({ weight: 5, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) });
}

/** What `parse` makes of `input`; `undefined` if it refuses it with a CoreError, which is the only way. */
function parsed<I, T>(parse: (input: I) => T, input: I): T | undefined {
  try {
    return parse(input);
  } catch (error) {
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}

const lossyText = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

function fuzzBytes<T>(
  name: string,
  valid: string[],
  parse: (bytes: Uint8Array) => T,
  check: (value: T, bytes: Uint8Array) => void,
): void {
  it(`${name}: refuses cleanly, and what it reads is written the same`, () => {
    for (const input of valid) parse(utf8(input));
    fc.assert(
      fc.property(inputs(...valid), (bytes) => {
        const value = parsed(parse, bytes);
        if (value !== undefined) check(value, bytes);
      }),
      { numRuns: RUNS },
    );
  });
}

describe('parsers', () => {
  fuzzBytes('parseSignedNote', [GO_NOTE, GO_ODD_NOTE, GO_COSIGNED4], parseSignedNote, (note, bytes) => {
    expect(formatSignedNote(note)).toEqual(bytes);
  });

  fuzzBytes(
    'parseSignatureLines',
    [GO_NOTE.slice(GO_NOTE.indexOf('\n\n') + 2)],
    parseSignatureLines,
    (lines, bytes) => {
      expect(formatSignatureLines(lines)).toEqual(bytes);
    },
  );

  fuzzBytes(
    'parseTlogProof',
    [
      `c2sp.org/tlog-proof@v1\nextra aGk=\nindex 7\n${HASH}${HASH}\n${GO_NOTE}`,
      `c2sp.org/tlog-proof@v1\nindex 0\n\n${GO_NOTE}`,
    ],
    parseTlogProof,
    (proof, bytes) => expect(formatTlogProof(proof)).toEqual(bytes),
  );

  fuzzBytes(
    'parseAddCheckpoint',
    [`old 20852014\n${HASH}${HASH}\n${GO_NOTE}`, `old 0\n\n${GO_NOTE}`],
    parseAddCheckpoint,
    (request, bytes) => expect(formatAddCheckpoint(request)).toEqual(bytes),
  );

  fuzzBytes(
    'parseSignSubtree',
    [`subtree 8 13\n${HASH}${HASH}\n${GO_NOTE}`, `subtree 0 1\n${HASH}\n${GO_NOTE}`],
    parseSignSubtree,
    (request, bytes) => expect(formatSignSubtree(request)).toEqual(bytes),
  );

  fuzzBytes('parsePolicy', [POLICY, 'quorum none\n'], parsePolicy, (policy) => {
    const canonical = formatPolicy(policy);
    expect(parsePolicy(canonical)).toEqual(policy);
    expect(formatPolicy(parsePolicy(canonical))).toEqual(canonical);
  });

  fuzzBytes(
    'parseTimestampedSignature',
    ['\0\0\0\0\0\0\0\0signature', '\u007f1234567s'],
    parseTimestampedSignature,
    (value, bytes) => expect(formatTimestampedSignature(value)).toEqual(bytes),
  );

  fuzzBytes(
    'parseCheckpoint',
    [CHECKPOINT_TEXT, `${CHECKPOINT_TEXT}extension\nanother\n`, 'o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n'],
    (bytes) => ({ from: lossyText(bytes), checkpoint: parseCheckpoint(lossyText(bytes)) }),
    ({ from, checkpoint }) => expect(formatCheckpoint(checkpoint)).toBe(from),
  );

  fuzzBytes(
    'parseVkey',
    [GO_LOG_VKEY, GO_UNICODE_VKEY, GO_WITNESS4_VKEY, 'name+00000001+QgE='],
    (bytes) => ({ from: lossyText(bytes), key: parseVkey(lossyText(bytes)) }),
    ({ from, key }) => expect(formatVkey(key)).toBe(from),
  );

  fuzzBytes(
    'parsePrivateKey',
    [GO_LOG_PRIVATE, GO_UNICODE_PRIVATE],
    (bytes) => ({ from: lossyText(bytes), key: parsePrivateKey(lossyText(bytes)) }),
    ({ from, key }) => expect(formatPrivateKey(key)).toBe(from),
  );

  it('of text refuse half surrogate pairs cleanly', () => {
    fc.assert(
      fc.property(fc.constantFrom(CHECKPOINT_TEXT, GO_LOG_VKEY, GO_LOG_PRIVATE), fc.nat(), (valid, n) => {
        const at = n % valid.length;
        const broken = `${valid.slice(0, at)}\ud800${valid.slice(at)}`;
        expect(parsed(parseCheckpoint, broken)).toBeUndefined();
        expect(parsed(parseVkey, broken)).toBeUndefined();
        expect(parsed(parsePrivateKey, broken)).toBeUndefined();
      }),
      { numRuns: RUNS },
    );
  });
});

describe('verification', () => {
  const verifiers = [GO_LOG_VKEY, GO_UNICODE_VKEY, GO_WITNESS4_VKEY].map((vkey) => verifierOf(parseVkey(vkey)));

  it('of a changed note is refused, or the note has the text that was signed', () => {
    const texts = [GO_NOTE, GO_ODD_NOTE, GO_COSIGNED4].map((note) => parseSignedNote(utf8(note)).text);
    fc.assert(
      fc.property(inputs(GO_NOTE, GO_ODD_NOTE, GO_COSIGNED4), (bytes) => {
        const opened = parsed((note) => openNote(note, verifiers), bytes);
        if (opened !== undefined) expect(texts).toContain(opened.text);
      }),
      { numRuns: RUNS },
    );
  });

  it('of a changed checkpoint under a policy is refused, or the checkpoint is the one that was signed', () => {
    const policy = parsePolicy(utf8(POLICY));
    fc.assert(
      fc.property(inputs(GO_COSIGNED4, GO_COSIGNED6), (bytes) => {
        const verified = parsed((note) => verifyCheckpoint(note, policy, { schemes }), bytes);
        if (verified !== undefined) expect(verified.note.text).toBe(CHECKPOINT_TEXT);
      }),
      { numRuns: Math.min(RUNS, 2000) },
    );
  });
});

describe('notes from any text and signatures', () => {
  const keyName = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' });
  const line = fc.record({
    keyName,
    keyId: fc.integer({ min: 0, max: 0xffffffff }),
    signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
  });

  it('are read as they were written, or not written', () => {
    let written = 0;
    const noteText = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '— k AAAAAQI=', '\ufeff')));
    fc.assert(
      fc.property(noteText, fc.array(line, { minLength: 1, maxLength: 5 }), (lines, signatures) => {
        const note = { text: lines.map((l) => `${l}\n`).join(''), signatures };
        const bytes = parsed(formatSignedNote, note);
        if (bytes === undefined) return;
        written++;
        expect(parseSignedNote(bytes)).toEqual(note);
      }),
      { numRuns: RUNS },
    );
    expect(written).toBeGreaterThan(0);
  });
});

describe('policies of any shape', () => {
  /** Witnesses w0 to wn, then groups over what no group has taken yet. */
  const anyPolicy: fc.Arbitrary<Policy> = fc
    .record({
      witnesses: fc.integer({ min: 1, max: 8 }),
      groups: fc.array(fc.record({ take: fc.integer({ min: 1, max: 4 }), k: fc.nat(), rotate: fc.nat() }), {
        maxLength: 6,
      }),
      quorum: fc.nat(),
    })
    .map(({ witnesses, groups, quorum }) => {
      const names = Array.from({ length: witnesses }, (_, i) => `w${i}`);
      let free = [...names];
      const made = groups.map(({ take, k, rotate }, i) => {
        const turn = rotate % free.length;
        free = [...free.slice(turn), ...free.slice(0, turn)];
        const members = free.splice(0, take);
        free.push(`g${i}`);
        return { name: `g${i}`, threshold: 1 + (k % members.length), members };
      });
      const all = [...names, ...made.map(({ name }) => name), 'none'];
      return {
        logs: [{ key: LOG.vkey }],
        witnesses: names.map((name, i) => {
          const publicKey = new Uint8Array(32).fill(i + 1);
          return { name, key: { keyName: name, keyId: keyId(name, 4, publicKey), type: 4, publicKey } };
        }),
        groups: made,
        quorum: all[quorum % all.length]!,
      };
    });

  /** tlog-policy's definition, word for word. */
  function isWitnessed(policy: Policy, name: string, names: ReadonlySet<string>): boolean {
    if (name === 'none') return true;
    const group = policy.groups.find((g) => g.name === name);
    if (group === undefined) return names.has(name);
    return group.members.filter((member) => isWitnessed(policy, member, names)).length >= group.threshold;
  }

  it('are read as they were written', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        expect(parsePolicy(formatPolicy(policy))).toEqual(policy);
        expect(text(formatPolicy(policy)).endsWith(`quorum ${policy.quorum}\n`)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('have the quorum that the definition says', () => {
    fc.assert(
      fc.property(anyPolicy, fc.array(fc.nat(7)), (policy, present) => {
        const names = new Set(
          present.map((i) => `w${i}`).filter((name) => policy.witnesses.some((w) => w.name === name)),
        );
        expect(quorumSatisfied(policy, names)).toBe(isWitnessed(policy, policy.quorum, names));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('keys of any name', () => {
  it('have vkeys and private keys that are read as they were written, or are refused', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20, unit: 'binary' }), fc.constantFrom(1, 4), (name, type) => {
        const key = parsed(() => keyOf(name, type, 1), undefined);
        if (key === undefined) return;
        expect(parseVkey(formatVkey(key.vkey))).toEqual(key.vkey);
        expect(parsePrivateKey(formatPrivateKey(key))).toEqual(key);
      }),
      { numRuns: RUNS },
    );
  });
});
