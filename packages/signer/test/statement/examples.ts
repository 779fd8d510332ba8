import {
  ed25519Signer,
  formatVkey,
  KEY_TYPE_ED25519,
  type PrivateKey,
  privateKeyFromSeed,
  sha256,
} from '@vitrine/core';
import type { Payload } from '../../src/statement/payload.ts';
import { signStatement } from '../../src/statement/sign-statement.ts';

const encoder = new TextEncoder();

export const ORIGIN = 'log.example.com/releases';

/** The same for every run: the committed statements are signed again and compared. */
export const keyOf = (name: string, seed: number): PrivateKey =>
  privateKeyFromSeed(name, KEY_TYPE_ED25519, new Uint8Array(32).fill(seed));

export const LOG = keyOf(ORIGIN, 1);
export const VENDOR = keyOf('acme.example/release', 2);
export const REVIEWER = keyOf('tüv.example/prüfstelle', 3);
export const NEXT_VENDOR = keyOf('acme.example/release', 4);

/** A digest that stands for something. */
export const digest = (of: string): Uint8Array => sha256(encoder.encode(of));

const file = (name: string, size: number) => ({ name, size, sha256: digest(name) });

/** A committed statement: what it says, who says it. */
export interface Example {
  /** The file in testdata/, without `.cose`. */
  readonly name: string;
  readonly key: PrivateKey;
  readonly issuedAt: number;
  readonly payload: Payload;
}

/** One or more of each type: with all fields that may be left out, and without them. */
export const EXAMPLES: readonly Example[] = [
  {
    name: 'source',
    key: VENDOR,
    issuedAt: 1_780_000_000,
    payload: {
      type: 'source',
      product: 'acme-endpoint',
      version: '8.1.0 (build 2026-05-28)',
      revision: '3f786850e387550fdab836ed7e6dc881de23001b',
      tree: { root: digest('tree'), files: 1204, size: 48_113_920, salted: true },
      toolchain: 'clang 19.1.7, Debian 13, SOURCE_DATE_EPOCH=1780000000',
    },
  },
  {
    name: 'source-minimal',
    key: VENDOR,
    issuedAt: 0,
    payload: {
      type: 'source',
      product: 'a',
      version: '1',
      revision: 'r',
      tree: { root: digest('tree'), files: 1, size: 0 },
    },
  },
  {
    name: 'build',
    key: VENDOR,
    issuedAt: 1_780_000_100,
    payload: {
      type: 'build',
      product: 'acme-endpoint',
      version: '8.1.0',
      channel: 'stable',
      platform: 'linux-x86_64',
      artifacts: [file('acme-endpoint_8.1.0_amd64.deb', 21_873_664), file('größe.txt', 0)],
      source: digest('source leaf'),
      toolchain: 'clang 19.1.7',
      attachments: [
        { ...file('sbom.spdx.json', 88_210), mediaType: 'application/spdx+json' },
        { ...file('slsa.intoto.jsonl', 4_011), mediaType: 'application/vnd.in-toto+json' },
      ],
    },
  },
  {
    name: 'build-manifest',
    key: VENDOR,
    issuedAt: 1_780_000_200,
    payload: {
      type: 'build',
      product: 'acme-endpoint',
      version: '8.1.0',
      channel: 'stable',
      manifest: file('SHA256SUMS', 30_411),
    },
  },
  {
    name: 'database',
    key: VENDOR,
    issuedAt: 1_780_000_300,
    payload: {
      type: 'database',
      name: 'acme-daily',
      sequence: 27_312,
      artifacts: [file('daily.cvd', 61_003_218)],
      records: {
        root: digest('records'),
        count: 2_076_204,
        format: { reader: 'lines', comment: '#', skipBlank: true },
      },
      delta: { from: 27_311, artifact: file('daily-27312.cdiff', 18_220) },
      previous: digest('previous leaf'),
      expires: 1_780_604_800,
    },
  },
  {
    name: 'database-cvd',
    key: VENDOR,
    issuedAt: 1_780_000_350,
    payload: {
      type: 'database',
      name: 'acme-main',
      sequence: 1,
      artifacts: [file('main.cvd', 170_479_789)],
      records: { root: digest('main records'), count: 6_647_427, format: { reader: 'cvd' } },
    },
  },
  {
    name: 'database-minimal',
    key: VENDOR,
    issuedAt: 1_780_000_400,
    payload: {
      type: 'database',
      name: 'acme-rules',
      sequence: 0,
      manifest: file('rules.sums', 512),
    },
  },
  {
    name: 'review',
    key: REVIEWER,
    issuedAt: 1_780_000_500,
    payload: {
      type: 'review',
      subject: digest('build leaf'),
      verdict: 'equivalent',
      method: 'Rebuilt twice on Debian 13; compared after stripping the Authenticode signatures.',
      evidence: digest('report.pdf'),
      normalizer: { name: 'strip-authenticode', sha256: digest('strip-authenticode') },
    },
  },
  {
    name: 'review-minimal',
    key: REVIEWER,
    issuedAt: 1_780_000_600,
    payload: { type: 'review', subject: digest('build leaf'), verdict: 'reproduced' },
  },
  {
    name: 'withdrawal',
    key: VENDOR,
    issuedAt: 1_780_000_700,
    payload: {
      type: 'withdrawal',
      subject: digest('build leaf'),
      reason: 'The updater leaves a directory that everybody can write to.',
      replacement: digest('replacement leaf'),
    },
  },
  {
    name: 'withdrawal-minimal',
    key: VENDOR,
    issuedAt: 1_780_000_800,
    payload: { type: 'withdrawal', subject: digest('build leaf'), reason: 'x' },
  },
  {
    name: 'admission',
    key: LOG,
    issuedAt: 1_780_000_900,
    payload: {
      type: 'admission',
      add: [
        { role: 'vendor', vkey: formatVkey(NEXT_VENDOR.vkey) },
        { role: 'reviewer', vkey: formatVkey(REVIEWER.vkey) },
      ],
      remove: [{ keyName: VENDOR.vkey.keyName, keyId: VENDOR.vkey.keyId }],
    },
  },
  {
    name: 'admission-remove',
    key: LOG,
    issuedAt: 1_780_001_000,
    payload: {
      type: 'admission',
      remove: [{ keyName: REVIEWER.vkey.keyName, keyId: REVIEWER.vkey.keyId }],
    },
  },
  {
    name: 'handling',
    key: VENDOR,
    issuedAt: 1_780_001_100,
    payload: {
      type: 'handling',
      category: 'file-samples',
      site: 'Zürich, data centre 2',
      period: { from: 1_777_593_600, to: 1_780_272_000 },
      commitment: digest('commitment'),
    },
  },
];

/** The statement's bytes. */
export const statementOf = ({ key, issuedAt, payload }: Example): Promise<Uint8Array> =>
  signStatement(payload, { signer: ed25519Signer(key), publicKey: key.vkey.publicKey, audience: ORIGIN, issuedAt });
