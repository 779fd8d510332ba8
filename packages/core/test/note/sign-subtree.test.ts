import { describe, expect, it } from 'vitest';
import { formatSignSubtree, MAX_SIGN_SUBTREE_SIZE, parseSignSubtree } from '../../src/note/sign-subtree.ts';
import { codeOf, text, utf8 } from './fixtures.ts';
import { GO_NOTE } from './vectors.ts';

// The lines of the example of tlog-witness.
const LINES = `subtree 8 13
mbsQCg+dEIMGlpqeGgk94JutQwKKS2Lo5IuDhKmDjiU=
CD82D2LDm0phY0+xKbHyZfq3Hw21lVkuV7Zis5EFg0k=
h/ghL5nyaXTIBAklqDnisM+SFdbA3izoGZ5oRYMZzc0=
8qtnAAU9sTKQx/zt3E4v8Jt2a9IMQUf0QUawvePF9y0=
KuO5BNOmginG34Lm5G3e2GuiWliGo3K0ebzGpvI0fEg=
`;
const REQUEST = `${LINES}\n${GO_NOTE}`;
const HASH = `${Buffer.alloc(32, 1).toString('base64')}\n`;

describe('a sign-subtree request', () => {
  it('is read: the example of tlog-witness', () => {
    const request = parseSignSubtree(utf8(REQUEST));
    expect(request).toMatchObject({ subtree: { start: 8, end: 13 }, proof: { length: 4 } });
    expect(Buffer.from(request.subtreeRoot).toString('base64')).toBe('mbsQCg+dEIMGlpqeGgk94JutQwKKS2Lo5IuDhKmDjiU=');
    expect(text(request.checkpoint)).toBe(GO_NOTE);
  });

  for (const request of [
    REQUEST,
    `subtree 0 1\n${HASH}\n${GO_NOTE}`,
    `subtree 9 3\n${HASH}\n${GO_NOTE}`,
    `subtree 0 0\n${HASH}${HASH.repeat(63)}\n${GO_NOTE}`,
  ]) {
    it(`is written as it was read: ${request.slice(0, request.indexOf('\n'))}`, () => {
      expect(text(formatSignSubtree(parseSignSubtree(utf8(request))))).toBe(request);
    });
  }

  for (const [what, request] of Object.entries({
    'with nothing': '',
    'with another keyword': REQUEST.replace('subtree', 'Subtree'),
    'without an end': REQUEST.replace('8 13', '8'),
    'with a third number': REQUEST.replace('8 13', '8 13 14'),
    'with two spaces': REQUEST.replace('8 13', '8  13'),
    'with a leading zero': REQUEST.replace('8 13', '08 13'),
    'with an end beyond 2^53 - 1': REQUEST.replace('8 13', '8 9007199254740992'),
    'without a hash': `subtree 8 13\n\n${GO_NOTE}`,
    'with a hash of 31 bytes': `subtree 8 13\n${Buffer.alloc(31).toString('base64')}\n\n${GO_NOTE}`,
    'with a hash that is not canonical': REQUEST.replace('DjiU=', 'DjiV='),
    'with carriage returns': REQUEST.replaceAll('\n', '\r\n'),
    'without an empty line': LINES + GO_NOTE,
    'without a checkpoint': `${LINES}\n`,
    'beyond its largest size': `${LINES}\n${'x'.repeat(MAX_SIGN_SUBTREE_SIZE)}`,
  })) {
    it(`is refused ${what}`, () => {
      expect(codeOf(() => parseSignSubtree(utf8(request)))).toBe('proof-malformed');
    });
  }

  it('is refused with more than 63 hashes', () => {
    expect(codeOf(() => parseSignSubtree(utf8(`subtree 0 1\n${HASH.repeat(65)}\n${GO_NOTE}`)))).toBe('proof-length');
  });

  it('is not written if it could not be read', () => {
    const request = parseSignSubtree(utf8(REQUEST));
    expect(codeOf(() => formatSignSubtree({ ...request, subtreeRoot: new Uint8Array(31) }))).toBe('proof-malformed');
    expect(codeOf(() => formatSignSubtree({ ...request, checkpoint: utf8('') }))).toBe('proof-malformed');
    for (const start of [-1, 0.5, 2 ** 53]) {
      expect(() => formatSignSubtree({ ...request, subtree: { start, end: 13 } })).toThrow(RangeError);
    }
  });
});
