import { compareText, formatVkey, KEY_TYPE_ED25519, parseVkey, privateKeyFromSeed } from '@vitrine/core';
import fc from 'fast-check';
import type { Payload } from '../../src/statement/payload.ts';

export const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

const encoder = new TextEncoder();
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const unsigned = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);
const identifier = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
const text = (max: number) =>
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: max })
    .filter((t) => !/\p{Cc}/u.test(t) && encoder.encode(t).length <= max);
const fileName = text(60).filter((name) => !/[/\\]/.test(name) && name !== '.' && name !== '..');
const file = fc.record({ name: fileName, size: unsigned, sha256: hash });

/** Sorted, distinct lists with at least one element. */
const sorted = <T>(element: fc.Arbitrary<T>, keyOf: (element: T) => string) =>
  fc
    .uniqueArray(element, { minLength: 1, maxLength: 6, selector: keyOf })
    .map((list) => list.sort((a, b) => compareText(keyOf(a), keyOf(b))));

const files = fc.oneof(fc.record({ artifacts: sorted(file, ({ name }) => name) }), fc.record({ manifest: file }));

const vkey = fc
  .tuple(fc.stringMatching(/^[a-z.]{1,12}$/), hash)
  .map(([name, seed]) => formatVkey(privateKeyFromSeed(name, KEY_TYPE_ED25519, seed).vkey));

const source = fc.record(
  {
    type: fc.constant('source'),
    product: identifier,
    version: text(200),
    revision: text(200),
    tree: fc.record(
      { root: hash, files: unsigned.map((n) => Math.max(1, n)), size: unsigned, salted: fc.constant(true) },
      { requiredKeys: ['root', 'files', 'size'] },
    ),
    toolchain: text(200),
  },
  { requiredKeys: ['type', 'product', 'version', 'revision', 'tree'] },
);

const build = fc
  .tuple(
    files,
    fc.record(
      {
        type: fc.constant('build'),
        product: identifier,
        version: text(200),
        channel: identifier,
        platform: identifier,
        source: hash,
        toolchain: text(200),
        attachments: sorted(
          fc.tuple(file, text(100)).map(([f, mediaType]) => ({ ...f, mediaType })),
          ({ name }) => name,
        ),
      },
      { requiredKeys: ['type', 'product', 'version', 'channel'] },
    ),
  )
  .map(([released, others]) => ({ ...others, ...released }));

const records = fc.record({
  root: hash,
  count: unsigned,
  format: fc.record(
    {
      reader: fc.constantFrom('lines', 'cvd'),
      comment: fc.stringMatching(/^[!-~][ -~]{0,7}$/),
      skipBlank: fc.constant(true),
    },
    { requiredKeys: ['reader'] },
  ),
});

const database = fc
  .tuple(
    files,
    fc.record(
      {
        type: fc.constant('database'),
        name: identifier,
        sequence: unsigned.map((n) => Math.max(1, n)),
        records,
        delta: fc.record({ from: unsigned, artifact: file }),
        previous: hash,
        expires: unsigned,
      },
      { requiredKeys: ['type', 'name', 'sequence'] },
    ),
  )
  .map(([released, { delta, ...others }]) => ({
    ...others,
    ...released,
    ...(delta !== undefined && { delta: { ...delta, from: delta.from % others.sequence } }),
  }));

const review = fc
  .tuple(
    fc.record(
      { type: fc.constant('review'), subject: hash, method: text(200), evidence: hash },
      { requiredKeys: ['type', 'subject'] },
    ),
    fc.oneof(
      fc.record({ verdict: fc.constantFrom('reviewed', 'reproduced', 'rejected') }),
      fc.record({ verdict: fc.constant('equivalent'), normalizer: fc.record({ name: text(100), sha256: hash }) }),
    ),
  )
  .map(([a, b]) => ({ ...a, ...b }));

const withdrawal = fc.record(
  { type: fc.constant('withdrawal'), subject: hash, reason: text(200), replacement: hash },
  { requiredKeys: ['type', 'subject', 'reason'] },
);

const add = sorted(fc.record({ role: fc.constantFrom('vendor', 'reviewer'), vkey }), (added) => added.vkey);
const remove = sorted(
  fc.tuple(vkey, fc.nat(0xffffffff)).map(([text, keyId]) => ({ keyName: parseVkey(text).keyName, keyId })),
  ({ keyName, keyId }) => `${keyName}\n${keyId.toString(16).padStart(8, '0')}`,
);

const admission = fc
  .oneof(fc.record({ add, remove }), fc.record({ add }), fc.record({ remove }))
  .map((lists) => ({ type: 'admission', ...lists }));

const handling = fc
  .record({
    type: fc.constant('handling'),
    category: identifier,
    site: text(200),
    period: fc.tuple(unsigned, unsigned).map(([a, b]) => ({
      from: Math.min(a, b, 2 ** 53 - 2),
      to: Math.max(a, b) === Math.min(a, b) ? 2 ** 53 - 1 : Math.max(a, b),
    })),
    commitment: hash,
  })
  .filter(({ period: { from, to } }) => from < to);

/** Payloads that keep all rules, of all types. */
export const payload: fc.Arbitrary<Payload> = fc.oneof(
  source,
  build,
  database,
  review,
  withdrawal,
  admission,
  handling,
) as fc.Arbitrary<Payload>;

/** Bytes changed in up to three places, some not at all. */
export function mutations(valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const snippet = fc.constantFrom(
    ...[[0xd2], [0xa0], [0xf6], [0x40], [0x60], [0x80], [0xff], [0x9f], [0xbf], [0x18, 0x01], [0x39, 0xff, 0xff]],
    ...[
      [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0],
      [0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
      [0x9b, 0xff, 0xff, 0xff, 0xff],
    ],
  );
  const edit = fc.record({
    at: fc.nat(),
    remove: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(200) }),
    insert: fc.oneof(
      snippet.map((s) => Uint8Array.from(s)),
      fc.uint8Array({ maxLength: 4 }),
    ),
  });
  const mutated = fc.tuple(fc.constantFrom(...valid), fc.array(edit, { maxLength: 3 })).map(([input, edits]) =>
    edits.reduce((bytes, { at, remove, insert }) => {
      const start = at % (bytes.length + 1);
      return Uint8Array.of(...bytes.subarray(0, start), ...insert, ...bytes.subarray(start + remove));
    }, input),
  );
  return fc.oneof({ weight: 5, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) });
}
