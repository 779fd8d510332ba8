import { CoreError, formatBundle, formatTilePath, parseBundle, parseTilePath } from '@vitrine/core';
import { formatDescription, parseDescription } from '@vitrine/core/log';
import fc from 'fast-check';
import { expect, test } from 'vitest';

// 100,000 and more with `npm run fuzz`.
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

/** Only success, with a value that writes back to the input, or a CoreError. */
function readsOrRefuses(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('no bytes give anything but entries that write back to them, or a refusal', () => {
  const valid = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 6 });
  const damage = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.nat({ max: 3 }) });
  fc.assert(
    fc.property(valid, damage, fc.uint8Array({ maxLength: 32 }), (entries, { at, byte, cut }, noise) => {
      const bundle = formatBundle(entries);
      if (bundle.length > 0) bundle[at % bundle.length] = byte;
      for (const bytes of [bundle, bundle.subarray(0, bundle.length - cut), noise]) {
        readsOrRefuses(() => expect(text(formatBundle(parseBundle(bytes, entries.length)))).toBe(text(bytes)));
      }
    }),
    { numRuns: RUNS },
  );
});

test('no text gives anything but a tile whose path it is, or a refusal', () => {
  const valid = fc
    .record({
      level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
      index: fc.maxSafeNat(),
      width: fc.integer({ min: 1, max: 256 }),
    })
    .map(formatTilePath);
  const alphabet = fc.string({ unit: fc.constantFrom(...'tile/entries0123456789x.p%'), maxLength: 40 });
  fc.assert(
    fc.property(fc.oneof(fc.string(), alphabet, valid), fc.nat(), fc.string({ maxLength: 2 }), (path, at, inserted) => {
      const cut = at % (path.length + 1);
      for (const candidate of [path, path.slice(0, cut) + inserted + path.slice(cut)]) {
        readsOrRefuses(() => expect(formatTilePath(parseTilePath(candidate))).toBe(candidate));
      }
    }),
    { numRuns: RUNS },
  );
});

test('no bytes give anything but a description of a log, or a refusal', () => {
  const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
  const valid = formatDescription({
    origin: 'example.com/foo',
    vkeys: [vkey],
    kind: 'statements',
    duplicates: false,
    indexed: true,
    mirror: true,
  });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.json(),
      fc.nat(),
      fc.nat({ max: 255 }),
      (noise, json, at, byte) => {
        readsOrRefuses(() => parseDescription(noise));
        readsOrRefuses(() => parseDescription(new TextEncoder().encode(json)));
        readsOrRefuses(() => parseDescription(valid.with(at % valid.length, byte)));
      },
    ),
    { numRuns: RUNS },
  );
});
