import { describe, expect, it } from 'vitest';
import { formatAddCheckpoint, MAX_ADD_CHECKPOINT_SIZE, parseAddCheckpoint } from '../../src/note/add-checkpoint.ts';
import { formatCheckpoint } from '../../src/note/checkpoint.ts';
import type { Policy } from '../../src/note/policy.ts';
import {
  formatTlogProof,
  MAX_EXTRA_SIZE,
  MAX_TLOG_PROOF_SIZE,
  parseTlogProof,
  verifyTlogProof,
} from '../../src/note/tlog-proof.ts';
import { leafHash, nodeHash } from '../../src/tree/hash.ts';
import { checkpointNote, codeOf, errorOf, keyOf, LOG, ORIGIN, schemes, TIME, text, utf8 } from './fixtures.ts';
import { GO_NOTE } from './vectors.ts';

const HASH = 'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n';
const PROOF = `c2sp.org/tlog-proof@v1\nindex 7\n${HASH}${HASH}\n${GO_NOTE}`;
const withExtra = PROOF.replace('index', 'extra aGk=\nindex');
const parse = (proof: string) => parseTlogProof(utf8(proof));

describe('a tlog-proof', () => {
  it('is read: the lines of tlog-proof’s example', () => {
    const proof = parse(withExtra);
    expect(proof).toMatchObject({ extra: utf8('hi'), index: 7 });
    expect(proof.proof.map((hash) => Buffer.from(hash).toString('base64'))).toEqual([HASH.trim(), HASH.trim()]);
    expect(text(proof.checkpoint)).toBe(GO_NOTE);
  });

  for (const [what, proof] of Object.entries({
    'with extra data': withExtra,
    'without extra data': PROOF,
    'without hashes': PROOF.replaceAll(HASH, ''),
    'of index 0': PROOF.replace('index 7', 'index 0'),
    'of the last index': PROOF.replace('index 7', 'index 9007199254740991'),
    'with 63 hashes': PROOF.replace(HASH, HASH.repeat(62)),
  })) {
    it(`is written as it was read ${what}`, () => {
      expect(text(formatTlogProof(parse(proof)))).toBe(proof);
    });
  }

  it('does not share the bytes that it was read from, of a Buffer neither', () => {
    const bytes = Buffer.from(PROOF);
    const { checkpoint } = parseTlogProof(bytes);
    bytes.fill(0);
    expect(text(checkpoint)).toBe(GO_NOTE);
  });

  it('has no extra field if there is no extra data', () => {
    expect('extra' in parse(PROOF)).toBe(false);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['with nothing', ''],
    ['of another version', PROOF.replace('@v1', '@v2')],
    ['without its first line', PROOF.slice(PROOF.indexOf('index'))],
    ['with a line before the first', `\n${PROOF}`],
    ['with empty extra data', PROOF.replace('index', 'extra \nindex')],
    ['with an extra line without data', PROOF.replace('index', 'extra\nindex')],
    ['with two extra lines', withExtra.replace('index', 'extra aGk=\nindex')],
    ['with extra data that is no base64', PROOF.replace('index', 'extra hi\nindex')],
    ['with extra data that is not canonical', PROOF.replace('index', 'extra aGl=\nindex')],
    ['with extra data after the index', PROOF.replace('index 7\n', 'index 7\nextra aGk=\n')],
    ['with another keyword', PROOF.replace('index 7', 'Index 7')],
    ['with nothing but its first line', `c2sp.org/tlog-proof@v1\n\n${GO_NOTE}`],
    ['without an index', PROOF.replace('index 7\n', '')],
    ['with an index without a number', PROOF.replace('index 7', 'index ')],
    ['with a leading zero', PROOF.replace('index 7', 'index 07')],
    ['with a negative index', PROOF.replace('index 7', 'index -1')],
    ['with an index beyond 2^53 - 1', PROOF.replace('index 7', 'index 9007199254740992')],
    ['with two spaces before the index', PROOF.replace('index 7', 'index  7')],
    ['with a space after the index', PROOF.replace('index 7', 'index 7 ')],
    ['with a carriage return', PROOF.replace('index 7', 'index 7\r')],
    ['with a hash of 31 bytes', PROOF.replace(HASH, `${Buffer.alloc(31).toString('base64')}\n`)],
    ['with a hash that is not canonical', PROOF.replace('PlQ=', 'PlR=')],
    ['without an empty line', PROOF.replace(`${HASH}\n`, HASH)],
    ['without a checkpoint', PROOF.slice(0, PROOF.indexOf('\n\n') + 2)],
    ['with two empty lines', PROOF.replace(`${HASH}\n`, `${HASH}\n\n`)],
    ['with an unsigned checkpoint', PROOF.slice(0, PROOF.lastIndexOf('\n\n') + 1)],
    ['with a note that is no checkpoint', PROOF.replace('\n42\n', '\nforty-two\n')],
    ['with something after the checkpoint', `${PROOF}\n`],
  ];
  for (const [what, proof] of refused) {
    it(`is refused ${what}`, () => {
      expect(codeOf(() => parse(proof))).toBe('proof-malformed');
    });
  }

  it('is refused with bytes that are not UTF-8', () => {
    const bytes = utf8(PROOF);
    bytes[1] = 0xff;
    expect(codeOf(() => parseTlogProof(bytes))).toBe('proof-malformed');
  });

  it('is refused with more than 63 hashes', () => {
    expect(codeOf(() => parse(PROOF.replace(HASH, HASH.repeat(63))))).toBe('proof-length');
    const proof = Array.from({ length: 64 }, () => new Uint8Array(32));
    expect(codeOf(() => formatTlogProof({ ...parse(PROOF), proof }))).toBe('proof-length');
  });

  it('is refused beyond its limits', () => {
    const extra = new Uint8Array(MAX_EXTRA_SIZE);
    const largest = { ...parse(PROOF), extra };
    expect(parseTlogProof(formatTlogProof(largest)).extra).toEqual(extra);
    const larger = Buffer.alloc(MAX_EXTRA_SIZE + 1);
    expect(codeOf(() => formatTlogProof({ ...largest, extra: larger }))).toBe('proof-malformed');
    expect(codeOf(() => parse(PROOF.replace('index', `extra ${larger.toString('base64')}\nindex`)))).toBe(
      'proof-malformed',
    );
    const error = errorOf(() => parseTlogProof(new Uint8Array(MAX_TLOG_PROOF_SIZE + 1)));
    expect(error).toMatchObject({ code: 'proof-malformed', message: expect.stringContaining('at most') });
  });

  it('is not written if it could not be read', () => {
    const proof = parse(PROOF);
    expect(codeOf(() => formatTlogProof({ ...proof, extra: new Uint8Array(0) }))).toBe('proof-malformed');
    expect(codeOf(() => formatTlogProof({ ...proof, proof: [new Uint8Array(31)] }))).toBe('proof-malformed');
    expect(codeOf(() => formatTlogProof({ ...proof, checkpoint: utf8('text\n') }))).toBe('proof-malformed');
    for (const index of [-1, 0.5, 2 ** 53]) expect(() => formatTlogProof({ ...proof, index })).toThrow(RangeError);
  });
});

describe('verifying a tlog-proof', () => {
  const WITNESS = keyOf('witness.example/b', 6, 11);
  const policy: Policy = {
    logs: [{ key: LOG.vkey }],
    witnesses: [{ name: 'b', key: WITNESS.vkey }],
    groups: [],
    quorum: 'b',
  };
  const [h0, h1, h2] = ['zero', 'one', 'two'].map((entry) => leafHash(utf8(entry))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const root = nodeHash(nodeHash(h0, h1), h2);
  const content = formatCheckpoint({ origin: ORIGIN, size: 3, root, extensions: [] });
  const tlogProof = async (time = TIME) => ({
    index: 1,
    proof: [h0, h2],
    checkpoint: await checkpointNote([[WITNESS, time]], { content }),
  });

  it('accepts an entry that is in a log of the policy, at any time', async () => {
    for (const time of [0, 1, TIME]) {
      const proof = parseTlogProof(formatTlogProof(await tlogProof(time)));
      const verified = verifyTlogProof({ leafHash: h1, proof, policy, schemes });
      expect(verified.checkpoint.size).toBe(3);
      expect(verified.cosignatures).toEqual([{ witness: 'b', keyName: 'witness.example/b', time }]);
    }
  });

  it('refuses another entry, another place and a broken proof', async () => {
    const proof = await tlogProof();
    const verify = (change: object, leaf = h1) =>
      codeOf(() => verifyTlogProof({ leafHash: leaf, proof: { ...proof, ...change }, policy, schemes }));
    expect(verify({})).toBe('accepted');
    expect(verify({}, h0)).toBe('proof-mismatch');
    expect(verify({ index: 0 })).toBe('proof-mismatch');
    expect(verify({ index: 3 })).toBe('proof-range');
    expect(verify({ proof: [h0] })).toBe('proof-length');
    expect(verify({ proof: [h2, h0] })).toBe('proof-mismatch');
  });

  it('refuses a checkpoint that the policy refuses', async () => {
    const proof = await tlogProof();
    const verify = (change: Partial<Policy>) =>
      codeOf(() => verifyTlogProof({ leafHash: h1, proof, policy: { ...policy, ...change }, schemes }));
    expect(verify({ logs: [] })).toBe('policy-log');
    expect(verify({ witnesses: [{ name: 'b', key: keyOf('witness.example/c', 4, 12).vkey }] })).toBe('policy-quorum');
    expect(codeOf(() => verifyTlogProof({ leafHash: h1, proof, policy }))).toBe('key-type');
  });
});

describe('an add-checkpoint request', () => {
  const REQUEST = `old 20852014\n${HASH}${HASH}\n${GO_NOTE}`;
  const parseRequest = (request: string) => parseAddCheckpoint(utf8(request));

  it('is read', () => {
    const request = parseRequest(REQUEST);
    expect(request.oldSize).toBe(20852014);
    expect(request.proof).toHaveLength(2);
    expect(text(request.checkpoint)).toBe(GO_NOTE);
  });

  for (const [what, request] of Object.entries({
    'with a proof': REQUEST,
    'for a log that is new to the witness': `old 0\n\n${GO_NOTE}`,
    'with an old size above the checkpoint’s, for the witness to refuse': `old 43\n\n${GO_NOTE}`,
    'with a proof from 0, for the witness to refuse': `old 0\n${HASH}\n${GO_NOTE}`,
    'with 63 hashes': `old 1\n${HASH.repeat(63)}\n${GO_NOTE}`,
  })) {
    it(`is written as it was read ${what}`, () => {
      expect(text(formatAddCheckpoint(parseRequest(request)))).toBe(request);
    });
  }

  const refused: readonly (readonly [string, string])[] = [
    ['with nothing', ''],
    ['without an old size', `${HASH}\n${GO_NOTE}`],
    ['with another keyword', `Old 1\n\n${GO_NOTE}`],
    ['with an empty old size', `old \n\n${GO_NOTE}`],
    ['with a leading zero', `old 01\n\n${GO_NOTE}`],
    ['with a sign', `old +1\n\n${GO_NOTE}`],
    ['with two spaces', `old  1\n\n${GO_NOTE}`],
    ['with a size beyond 2^53 - 1', `old 9007199254740992\n\n${GO_NOTE}`],
    ['with carriage returns', `old 1\r\n\r\n${GO_NOTE}`],
    ['with a hash of 33 bytes', `old 1\n${Buffer.alloc(33).toString('base64')}\n\n${GO_NOTE}`],
    ['without an empty line', `old 1\n${GO_NOTE}`],
    ['without a checkpoint', 'old 1\n\n'],
    ['with an unsigned checkpoint', `old 1\n\n${GO_NOTE.slice(0, GO_NOTE.indexOf('\n\n') + 1)}`],
    ['with a note that is no checkpoint', `old 1\n\n${GO_NOTE.replace('42', '042')}`],
  ];
  for (const [what, request] of refused) {
    it(`is refused ${what}`, () => {
      expect(codeOf(() => parseRequest(request))).toBe('proof-malformed');
    });
  }

  it('is refused with more than 63 hashes, and beyond its largest size', () => {
    expect(codeOf(() => parseRequest(`old 1\n${HASH.repeat(64)}\n${GO_NOTE}`))).toBe('proof-length');
    const error = errorOf(() => parseAddCheckpoint(new Uint8Array(MAX_ADD_CHECKPOINT_SIZE + 1)));
    expect(error).toMatchObject({ code: 'proof-malformed', message: expect.stringContaining('at most') });
  });

  it('is not written if it could not be read', () => {
    const request = parseRequest(REQUEST);
    expect(codeOf(() => formatAddCheckpoint({ ...request, proof: [new Uint8Array(31)] }))).toBe('proof-malformed');
    expect(codeOf(() => formatAddCheckpoint({ ...request, checkpoint: utf8('') }))).toBe('proof-malformed');
    for (const oldSize of [-1, 0.5, 2 ** 53]) {
      expect(() => formatAddCheckpoint({ ...request, oldSize })).toThrow(RangeError);
    }
  });
});
