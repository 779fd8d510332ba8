import {
  type CborMap,
  type CborValue,
  decodeCbor,
  encodeCbor,
  formatVkey,
  KEY_TYPE_ED25519_COSIGNATURE,
  privateKeyFromSeed,
} from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { openStatement } from '../../src/statement/open-statement.ts';
import type { Payload } from '../../src/statement/payload.ts';
import { checkPayload } from '../../src/statement/sign-statement.ts';
import { digest, EXAMPLES, keyOf, NEXT_VENDOR, REVIEWER, statementOf, VENDOR } from './examples.ts';
import { changed, forge, partsOf } from './forge.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is tested is what the types do not allow
type Loose = any;

/** What a payload would be in CBOR, whether or not it keeps the rules. */
function toCbor(value: unknown): CborValue {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value as CborValue;
  if (Array.isArray(value)) return value.map(toCbor);
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return new Map(entries.map(([name, v]) => [name, name === 'keyId' ? idBytes(v) : toCbor(v)]));
}

function idBytes(id: unknown): CborValue {
  if (typeof id !== 'number') return id as CborValue;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}

const exampleOf = (name: string) => EXAMPLES.find((example) => example.name === name)!;

/** A copy of an example's payload, changed. */
function alter(name: string, change: (payload: Loose) => void): Payload {
  const payload = structuredClone(exampleOf(name).payload);
  change(payload);
  return payload;
}

/** A statement that says this, with a signature that holds. */
async function statementSaying(name: string, payload: Payload): Promise<Uint8Array> {
  const example = exampleOf(name);
  const { type: _, ...content } = payload;
  const parts = partsOf(await statementOf(example));
  return forge({ ...parts, payload: encodeCbor(toCbor(content)) }, example.key);
}

const file = { name: 'x', size: 1, sha256: digest('x') };
const fileNamed = (name: string) => ({ ...file, name });
const attachmentNamed = (name: string) => ({ ...fileNamed(name), mediaType: 'text/plain' });
const vkeyOf = (name: string, seed: number): string => formatVkey(keyOf(name, seed).vkey);
const cosignerVkey = formatVkey(
  privateKeyFromSeed('witness.example', KEY_TYPE_ED25519_COSIGNATURE, new Uint8Array(32).fill(9)).vkey,
);
const many = (n: number, of: (i: number) => Loose): Loose[] =>
  Array.from({ length: n }, (_, i) => of(i)).sort((a, b) => (a.name < b.name ? -1 : 1));

/** A statement of each kind, and what cannot be in it. */
const REFUSED: readonly (readonly [example: string, what: string, change: (p: Loose) => void, reason: RegExp])[] = [
  ['source', 'no product', (p) => delete p.product, /^payload\.product is missing/],
  ['source', 'an empty product', (p) => (p.product = ''), /^payload\.product is not/],
  ['source', 'a product with a slash', (p) => (p.product = 'a/b'), /^payload\.product is not/],
  ['source', 'a product with a newline behind it', (p) => (p.product = 'a\n'), /^payload\.product is not/],
  ['source', 'a product in Cyrillic', (p) => (p.product = 'асме'), /^payload\.product is not/],
  ['source', 'a product of 65 characters', (p) => (p.product = 'a'.repeat(65)), /^payload\.product is not/],
  ['source', 'a product that is a number', (p) => (p.product = 1), /^payload\.product is not text/],
  ['source', 'no version', (p) => delete p.version, /^payload\.version is missing/],
  ['source', 'an empty version', (p) => (p.version = ''), /^payload\.version is not/],
  ['source', 'a version of 257 bytes', (p) => (p.version = `${'ü'.repeat(128)}a`), /^payload\.version is not/],
  ['source', 'a version with a newline', (p) => (p.version = 'a\nb'), /^payload\.version is not/],
  ['source', 'a version with an escape', (p) => (p.version = '\u001b[2J'), /^payload\.version is not/],
  ['source', 'a version with a C1 control character', (p) => (p.version = '\u009b2J'), /^payload\.version is not/],
  ['source', 'a version with a delete character', (p) => (p.version = 'a\u007f'), /^payload\.version is not/],
  ['source', 'no revision', (p) => delete p.revision, /^payload\.revision is missing/],
  ['source', 'a revision of 257 bytes', (p) => (p.revision = 'a'.repeat(257)), /^payload\.revision is not/],
  ['source', 'no tree', (p) => delete p.tree, /^payload\.tree is missing/],
  ['source', 'a tree that is a hash', (p) => (p.tree = digest('tree')), /^payload\.tree /],
  ['source', 'a root of 31 bytes', (p) => (p.tree.root = new Uint8Array(31)), /^payload\.tree\.root is 32 bytes/],
  ['source', 'a root of 33 bytes', (p) => (p.tree.root = new Uint8Array(33)), /^payload\.tree\.root is 32 bytes/],
  ['source', 'a root that is text', (p) => (p.tree.root = 'ab'), /^payload\.tree\.root is not a byte string/],
  ['source', 'a tree without files', (p) => (p.tree.files = 0), /^payload\.tree\.files is not/],
  ['source', 'a tree of negative size', (p) => (p.tree.size = -1), /^payload\.tree\.size is not/],
  ['source', 'a size that is text', (p) => (p.tree.size = '1'), /^payload\.tree\.size is not/],
  ['source', 'a tree that says that it is not salted', (p) => (p.tree.salted = false), /^payload\.tree\.salted is not/],
  ['source', 'a tree that is salted by a number', (p) => (p.tree.salted = 1), /^payload\.tree\.salted is not/],
  ['source', 'a field of a tree that is not known', (p) => (p.tree.depth = 1), /^payload\.tree has no field "depth"/],
  ['source', 'a toolchain of 1,025 bytes', (p) => (p.toolchain = 'a'.repeat(1025)), /^payload\.toolchain is not/],
  ['source', 'an empty toolchain', (p) => (p.toolchain = ''), /^payload\.toolchain is not/],
  ['source', 'a field that is not known', (p) => (p.licence = 'x'), /^payload has no field "licence"/],
  ['build', 'a channel with a slash', (p) => (p.channel = 'a/b'), /^payload\.channel is not/],
  ['build', 'no channel', (p) => delete p.channel, /^payload\.channel is missing/],
  ['build', 'an empty platform', (p) => (p.platform = ''), /^payload\.platform is not/],
  ['build', 'a source of 16 bytes', (p) => (p.source = new Uint8Array(16)), /^payload\.source is 32 bytes/],
  ['build', 'artifacts and a manifest', (p) => (p.manifest = file), /^payload has either artifacts or a manifest/],
  ['build', 'neither of both', (p) => delete p.artifacts, /^payload has either artifacts or a manifest/],
  ['build', 'an empty list of artifacts', (p) => (p.artifacts = []), /^payload\.artifacts has at least 1/],
  [
    'build',
    '257 artifacts',
    (p) => (p.artifacts = many(257, (i) => fileNamed(`f${i}`))),
    /^payload\.artifacts has at most 256, found 257/,
  ],
  ['build', 'artifacts that are no list', (p) => (p.artifacts = file), /^payload\.artifacts is not a list/],
  ['build', 'artifacts out of order', (p) => p.artifacts.reverse(), /^payload\.artifacts is not in the order of name/],
  [
    'build',
    'two artifacts of one name',
    (p) => (p.artifacts = [file, file]),
    /^payload\.artifacts has the same name twice/,
  ],
  [
    'build',
    'artifacts in the order of UTF-16',
    (p) => (p.artifacts = [fileNamed('\u{1f600}'), fileNamed('\uff21')]),
    /^payload\.artifacts is not in the order of name/,
  ],
  ['build', 'an artifact without a size', (p) => delete p.artifacts[0].size, /^payload\.artifacts\.0\.size is missing/],
  [
    'build',
    'an artifact without a digest',
    (p) => delete p.artifacts[1].sha256,
    /^payload\.artifacts\.1\.sha256 is missing/,
  ],
  [
    'build',
    'an artifact with a media type',
    (p) => (p.artifacts[0].mediaType = 'a/b'),
    /^payload\.artifacts\.0 has no field "mediaType"/,
  ],
  ...['', '.', '..', 'a/b', '/', 'a\\b', 'a\u0000', 'a\nb', 'ä'.repeat(128)].map(
    (name) =>
      [
        'build',
        `an artifact with the name ${JSON.stringify(name.slice(0, 5))}`,
        (p: Loose) => (p.artifacts = [fileNamed(name)]),
        /^payload\.artifacts\.0\.name is not a base name/,
      ] as const,
  ),
  ['build-manifest', 'a manifest with a path', (p) => (p.manifest.name = 'a/b'), /^payload\.manifest\.name is not/],
  ['build', 'an empty list of attachments', (p) => (p.attachments = []), /^payload\.attachments has at least 1/],
  [
    'build',
    '65 attachments',
    (p) => (p.attachments = many(65, (i) => attachmentNamed(`a${i}`))),
    /^payload\.attachments has at most 64, found 65/,
  ],
  [
    'build',
    'attachments out of order',
    (p) => p.attachments.reverse(),
    /^payload\.attachments is not in the order of name/,
  ],
  [
    'build',
    'an attachment twice',
    (p) => p.attachments.push(p.attachments[1]),
    /^payload\.attachments has the same name twice/,
  ],
  [
    'build',
    'an attachment without a media type',
    (p) => (p.attachments = [file]),
    /^payload\.attachments\.0\.mediaType is missing/,
  ],
  [
    'build',
    'a media type of 129 bytes',
    (p) => (p.attachments[0].mediaType = 'a'.repeat(129)),
    /^payload\.attachments\.0\.mediaType is not/,
  ],
  ['database', 'a name with a space', (p) => (p.name = 'a b'), /^payload\.name is not/],
  ['database', 'no sequence', (p) => delete p.sequence, /^payload\.sequence is missing/],
  ['database', 'a negative sequence', (p) => (p.sequence = -1), /^payload\.sequence is not/],
  [
    'database',
    'neither artifacts nor a manifest',
    (p) => delete p.artifacts,
    /^payload has either artifacts or a manifest/,
  ],
  ['database', 'artifacts and a manifest', (p) => (p.manifest = file), /^payload has either artifacts or a manifest/],
  [
    'database',
    'a delta from its own sequence',
    (p) => (p.delta.from = p.sequence),
    /^payload\.delta\.from is not below the sequence/,
  ],
  [
    'database',
    'a delta from a later release',
    (p) => (p.delta.from = p.sequence + 1),
    /^payload\.delta\.from is not below/,
  ],
  ['database', 'a delta without an artifact', (p) => delete p.delta.artifact, /^payload\.delta\.artifact is missing/],
  ['database', 'records without a root', (p) => delete p.records.root, /^payload\.records\.root is missing/],
  ['database', 'records without a format', (p) => delete p.records.format, /^payload\.records\.format is missing/],
  ['database', 'a negative count', (p) => (p.records.count = -1), /^payload\.records\.count is not/],
  [
    'database',
    'a reader that is not known',
    (p) => (p.records.format.reader = 'csv'),
    /^payload\.records\.format\.reader is not "lines" or "cvd"/,
  ],
  ['database', 'an empty comment', (p) => (p.records.format.comment = ''), /^payload\.records\.format\.comment is not/],
  [
    'database',
    'a comment of 9 characters',
    (p) => (p.records.format.comment = '#'.repeat(9)),
    /^payload\.records\.format\.comment is not/,
  ],
  [
    'database',
    'a comment that begins with a space',
    (p) => (p.records.format.comment = ' #'),
    /^payload\.records\.format\.comment is not/,
  ],
  [
    'database',
    'a comment that is not ASCII',
    (p) => (p.records.format.comment = '§'),
    /^payload\.records\.format\.comment is not/,
  ],
  [
    'database',
    'skipBlank that is false',
    (p) => (p.records.format.skipBlank = false),
    /^payload\.records\.format\.skipBlank is not/,
  ],
  [
    'database',
    'a previous release of 20 bytes',
    (p) => (p.previous = new Uint8Array(20)),
    /^payload\.previous is 32 bytes/,
  ],
  ['database', 'an expiry before 1970', (p) => (p.expires = -1), /^payload\.expires is not/],
  ['review', 'no subject', (p) => delete p.subject, /^payload\.subject is missing/],
  ['review', 'a subject in hex', (p) => (p.subject = 'ab'.repeat(32)), /^payload\.subject is not a byte string/],
  ['review', 'a verdict that is not known', (p) => (p.verdict = 'approved'), /^payload\.verdict is not "reviewed" or/],
  [
    'review',
    'an equivalent build without a normalizer',
    (p) => delete p.normalizer,
    /^payload\.normalizer is there if/,
  ],
  ...['reviewed', 'reproduced', 'rejected'].map(
    (verdict) =>
      [
        'review',
        `a normalizer in the verdict "${verdict}"`,
        (p: Loose) => (p.verdict = verdict),
        /^payload\.normalizer is there if/,
      ] as const,
  ),
  [
    'review',
    'a normalizer without its digest',
    (p) => delete p.normalizer.sha256,
    /^payload\.normalizer\.sha256 is missing/,
  ],
  ['review', 'a normalizer with an empty name', (p) => (p.normalizer.name = ''), /^payload\.normalizer\.name is not/],
  [
    'review',
    'a normalizer with a name of 256 bytes',
    (p) => (p.normalizer.name = 'a'.repeat(256)),
    /^payload\.normalizer\.name is not/,
  ],
  ['review', 'a method of 1,025 bytes', (p) => (p.method = 'a'.repeat(1025)), /^payload\.method is not/],
  ['review', 'evidence of 31 bytes', (p) => (p.evidence = new Uint8Array(31)), /^payload\.evidence is 32 bytes/],
  ['withdrawal', 'no reason', (p) => delete p.reason, /^payload\.reason is missing/],
  ['withdrawal', 'a reason of 4,097 bytes', (p) => (p.reason = 'a'.repeat(4097)), /^payload\.reason is not/],
  [
    'withdrawal',
    'a replacement of 31 bytes',
    (p) => (p.replacement = new Uint8Array(31)),
    /^payload\.replacement is 32/,
  ],
  ['withdrawal', 'no subject', (p) => delete p.subject, /^payload\.subject is missing/],
  [
    'admission',
    'nothing at all',
    (p) => Object.assign(p, { add: undefined, remove: undefined }),
    /^payload has neither keys to add/,
  ],
  ['admission', 'an empty list to add', (p) => (p.add = []), /^payload\.add has at least 1/],
  ['admission', 'an empty list to remove', (p) => (p.remove = []), /^payload\.remove has at least 1/],
  [
    'admission',
    'a role that is not known',
    (p) => (p.add[0].role = 'admin'),
    /^payload\.add\.0\.role is not "vendor" or "reviewer"/,
  ],
  ['admission', 'a key that is no vkey', (p) => (p.add[0].vkey = 'acme'), /^payload\.add\.0\.vkey is not a vkey/],
  [
    'admission',
    'a vkey with another ID',
    (p) => (p.add[0].vkey = p.add[0].vkey.replace(/\+[0-9a-f]{8}\+/, '+00000001+')),
    /^payload\.add\.0\.vkey is not a vkey/,
  ],
  [
    'admission',
    'the vkey of a witness',
    (p) => (p.add = [{ role: 'vendor', vkey: cosignerVkey }]),
    /^payload\.add\.0\.vkey is the vkey of a key that is not of type 0x01/,
  ],
  ['admission', 'keys to add out of order', (p) => p.add.reverse(), /^payload\.add is not in the order of vkey/],
  [
    'admission',
    'a key in two roles',
    (p) => (p.add = [p.add[0], { ...p.add[0], role: 'reviewer' }]),
    /^payload\.add has the same vkey twice/,
  ],
  [
    'admission',
    '257 keys to add',
    (p) => (p.add = Array.from({ length: 257 }, () => p.add[0])),
    /^payload\.add has at most 256/,
  ],
  ['admission', 'a key ID of 5 bytes', (p) => (p.remove[0].keyId = new Uint8Array(5)), /^payload\.remove\.0\.keyId is/],
  [
    'admission',
    'a key name with a space',
    (p) => (p.remove[0].keyName = 'a b'),
    /^payload\.remove\.0\.keyName is not a key name/,
  ],
  [
    'admission',
    'a key to remove twice',
    (p) => p.remove.push(p.remove[0]),
    /^payload\.remove has the same key name and ID twice/,
  ],
  [
    'admission',
    'keys to remove out of the order of IDs',
    (p) => (p.remove = [2, 1].map((keyId) => ({ keyName: 'a', keyId }))),
    /^payload\.remove is not in the order/,
  ],
  [
    'admission',
    'keys to remove out of the order of names',
    (p) => (p.remove = ['a!', 'a'].map((keyName) => ({ keyName, keyId: 1 }))),
    /^payload\.remove is not in the order/,
  ],
  [
    'admission',
    'a key that is added and removed',
    (p) => (p.remove = [{ keyName: NEXT_VENDOR.vkey.keyName, keyId: NEXT_VENDOR.vkey.keyId }]),
    /^payload\.remove\.0 names a key that is added/,
  ],
  ['handling', 'a category with a slash', (p) => (p.category = 'a/b'), /^payload\.category is not/],
  ['handling', 'an empty site', (p) => (p.site = ''), /^payload\.site is not/],
  ['handling', 'a site of 257 bytes', (p) => (p.site = 'a'.repeat(257)), /^payload\.site is not/],
  [
    'handling',
    'a period that ends when it begins',
    (p) => (p.period.to = p.period.from),
    /^payload\.period\.from is not below "to"/,
  ],
  [
    'handling',
    'a period that ends before it begins',
    (p) => (p.period.to = p.period.from - 1),
    /^payload\.period\.from is not below/,
  ],
  ['handling', 'a period without an end', (p) => delete p.period.to, /^payload\.period\.to is missing/],
  [
    'handling',
    'a commitment of 64 bytes',
    (p) => (p.commitment = new Uint8Array(64)),
    /^payload\.commitment is 32 bytes/,
  ],
];

describe('what breaks a rule of its type is neither signed nor read:', () => {
  test.each(REFUSED)('%s with %s', async (name, _, change, reason) => {
    const payload = alter(name, change);
    const refusal = { name: 'SignerError', code: 'statement-malformed', message: expect.stringMatching(reason) };
    expect(() => checkPayload(payload)).toThrow(expect.objectContaining(refusal));
    const { key } = exampleOf(name);
    const statement = await statementSaying(name, payload);
    expect(() => openStatement(statement, [key.vkey])).toThrow(expect.objectContaining(refusal));
  });

  test('numbers that CBOR here does not have', () => {
    for (const size of [2 ** 53, 1.5, Number.NaN, -0, '1', 1n, null]) {
      expect(() => checkPayload(alter('source', (p) => (p.tree.size = size)))).toThrow(/^payload\.tree\.size is not/);
    }
    for (const keyId of [2 ** 32, -1, 1.5]) {
      expect(() => checkPayload(alter('admission', (p) => (p.remove[0].keyId = keyId)))).toThrow(
        /^payload\.remove\.0\.keyId is not/,
      );
    }
  });

  test('text that is not well-formed', () => {
    expect(() => checkPayload(alter('source', (p) => (p.version = 'a\ud800')))).toThrow(/^payload\.version is not/);
    expect(() => checkPayload(alter('build', (p) => (p.artifacts[0].name = '\udc00')))).toThrow(/name is not/);
  });

  test('text that begins with a byte order mark', () => {
    expect(() => checkPayload(alter('source', (p) => (p.version = '\ufeff1')))).toThrow(
      /^payload\.version begins with/,
    );
    expect(() => checkPayload(alter('source', (p) => (p.version = '1\ufeff')))).not.toThrow();
  });

  test('a payload of a type that there is not', () => {
    for (const type of ['index', 'toString', '', undefined]) {
      expect(() => checkPayload({ type } as never)).toThrow(/^payload\.type is not a type of statement/);
    }
  });
});

const ACCEPTED: readonly (readonly [example: string, what: string, change: (p: Loose) => void])[] = [
  ['source', 'a product of 64 characters', (p) => (p.product = 'Az09._-'.padEnd(64, 'x'))],
  ['source', 'a version of 256 bytes', (p) => (p.version = 'ü'.repeat(128))],
  ['source', 'a toolchain of 1,024 bytes', (p) => (p.toolchain = 'a'.repeat(1024))],
  ['source', 'the largest tree', (p) => Object.assign(p.tree, { files: 2 ** 53 - 1, size: 2 ** 53 - 1 })],
  ['build', 'an artifact with a name of 255 bytes', (p) => (p.artifacts = [fileNamed(`${'ä'.repeat(127)}a`)])],
  ['build', 'an artifact with a name that begins with dots', (p) => (p.artifacts = [fileNamed('...')])],
  ['build', '256 artifacts', (p) => (p.artifacts = many(256, (i) => fileNamed(`f${i}`)))],
  ['build', '64 attachments', (p) => (p.attachments = many(64, (i) => attachmentNamed(`a${i}`)))],
  ['build', 'artifacts in the order of UTF-8', (p) => (p.artifacts = [fileNamed('\uff21'), fileNamed('\u{1f600}')])],
  ['database', 'a delta from the release before it', (p) => (p.delta.from = p.sequence - 1)],
  ['database', 'a comment of 8 characters', (p) => (p.records.format.comment = 'REM ~! #')],
  ['database', 'the largest sequence', (p) => (p.sequence = 2 ** 53 - 1)],
  ['review', 'a method of 1,024 bytes', (p) => (p.method = 'a'.repeat(1024))],
  ['withdrawal', 'a reason of 4,096 bytes', (p) => (p.reason = '\u20ac'.repeat(1365).padEnd(1366, 'a'))],
  [
    'admission',
    'keys to remove in the order of name and ID',
    (p) =>
      (p.remove = [
        ['a', 2],
        ['a', 0xffffffff],
        ['a!', 1],
      ].map(([keyName, keyId]) => ({ keyName, keyId }))),
  ],
  [
    'admission',
    'a key that replaces one of its name',
    (p) => (p.add = [{ role: 'vendor', vkey: vkeyOf(VENDOR.vkey.keyName, 77) }]),
  ],
  ['handling', 'a period of one second', (p) => (p.period.to = p.period.from + 1)],
];

describe('what just keeps the rules is signed and read:', () => {
  test.each(ACCEPTED)('%s with %s', async (name, _, change) => {
    const example = { ...exampleOf(name), payload: alter(name, change) };
    const statement = await statementOf(example);
    expect(openStatement(statement, [example.key.vkey]).payload).toEqual(example.payload);
  });
});

test('a field that is undefined is one that is left out', async () => {
  const example = exampleOf('source-minimal');
  const payload = alter('source-minimal', (p) => (p.toolchain = undefined));
  expect(await statementOf({ ...example, payload })).toEqual(await statementOf(example));
});

test('what a key of a map is called in another language is no field', async () => {
  const parts = partsOf(await statementOf(exampleOf('source')));
  const content = decodeCbor(parts.payload, 'the payload') as CborMap;
  for (const key of ['__proto__', 'constructor', 'toString', 'type', 'Product', 0]) {
    const other = encodeCbor(changed(content, [[key, 'source']]));
    const statement = await forge({ ...parts, payload: other }, VENDOR);
    expect(() => openStatement(statement, [VENDOR.vkey, REVIEWER.vkey])).toThrow(/^payload has no field /);
  }
});
