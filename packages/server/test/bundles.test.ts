import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatVkey, leafHash, parsePolicy, sha256, streamKey } from '@vitrine/core';
import { formatManifest, type Payload } from '@vitrine/signer';
import { parseBundle, parseTrust, verifyRelease } from '@vitrine/verifier';
import { expect, onTestFinished, test } from 'vitest';
import { publishesWitnessed } from '../src/publishing.ts';
import { bytesOf, hex, LOG_KEY, ORIGIN, refusalIn, ServedLog, utf8, VENDOR, WITNESS } from './support/served-log.ts';

const CONTENT = 'release';
const ARTIFACT = { name: 'tool.bin', size: CONTENT.length, sha256: sha256(utf8(CONTENT)) };
const BUILD: Payload = { type: 'build', product: 'tool', version: '1', channel: 'stable', artifacts: [ARTIFACT] };
const STREAM = { type: 'build', issuer: VENDOR.vkey.keyName, stream: 'tool/stable' };
const HEAD = `/heads/${hex(streamKey(STREAM))}.vitrine`;

async function withRelease(
  options: Parameters<typeof ServedLog.create>[0] = {},
): Promise<{ served: ServedLog; release: Uint8Array }> {
  const served = await ServedLog.create({ kind: 'statements', ...options });
  await served.admitVendor();
  const release = await served.sign(BUILD);
  await served.log.append(release);
  return { served, release };
}

test('the bundle of a release convinces an agent', async () => {
  const { served, release } = await withRelease();
  const response = await served.get(`/bundle/${hex(leafHash(release))}`);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/vnd.vitrine.bundle+cbor',
    'access-control-allow-origin': '*',
    'cache-control': 'public, max-age=2',
  });
  const trust = parseTrust(
    utf8(
      `log ${formatVkey(LOG_KEY.vkey)}\nquorum none\nindexed ${ORIGIN}\nsigner acme ${formatVkey(VENDOR.vkey)}\n` +
        'release tool/stable signed-by acme any-age\n',
    ),
  );
  const request = { stream: 'tool/stable', digest: ARTIFACT.sha256, size: ARTIFACT.size };
  const { finding } = verifyRelease(request, await bytesOf(response), trust, 1_900_000_000);
  expect(finding.artifact).toMatchObject({ name: 'tool.bin' });
});

test('the head of a stream is the bundle of its newest release, until there is another checkpoint', async () => {
  const { served } = await withRelease();
  const first = await served.get(HEAD);
  const etag = first.headers.get('etag')!;
  const bundle = parseBundle(await bytesOf(first));
  expect([bundle.release, bundle.checkpoint]).toEqual([2, served.log.checkpoint().note]);
  expect((await served.get(HEAD, { 'if-none-match': etag })).status).toBe(304);
  await served.log.append(await served.sign({ ...BUILD, version: '2' } as Payload));
  const second = await served.get(HEAD, { 'if-none-match': etag });
  expect(parseBundle(await bytesOf(second)).release).toBe(4);
  expect(parseBundle(await bytesOf(await served.get(HEAD))).release).toBe(4);
});

test('bundles are of the published checkpoint, which can be older', async () => {
  const first = await withRelease();
  const { log } = first.served;
  const policy = parsePolicy(
    utf8(`log ${formatVkey(LOG_KEY.vkey)}\nwitness w ${formatVkey(WITNESS.vkey)}\nquorum w\n`),
  );
  const publishing = publishesWitnessed(log, { policy, schemes: [] });
  const { served, release } = await withRelease({ publishing });
  expect(await refusalIn(await served.get(HEAD))).toEqual([404, 'checkpoint-unwitnessed']);
  // Both logs have the same entries.
  await first.served.cosign();
  const later = await served.sign({ ...BUILD, version: '2' } as Payload);
  await served.log.append(later);
  const bundle = parseBundle(await bytesOf(await served.get(HEAD)));
  expect(bundle.release).toBe(2);
  expect(new TextDecoder().decode(bundle.checkpoint)).toContain('zurich.example/w1');
  expect((await served.get(`/bundle/${hex(leafHash(release))}`)).status).toBe(200);
  expect(await refusalIn(await served.get(`/bundle/${hex(leafHash(later))}`))).toEqual([404, 'log-range']);
});

test.each([
  ['/bundle/00', [400, 'http-malformed']],
  [`/bundle/${'A'.repeat(64)}`, [400, 'http-malformed']],
  [`/bundle/${'0'.repeat(64)}`, [404, 'entry-missing']],
  [`/heads/${'0'.repeat(64)}.vitrine`, [404, 'stream-missing']],
  [`/heads/${'0'.repeat(64)}`, [404, 'http-not-found']],
  ['/heads/00.vitrine', [400, 'http-malformed']],
  ['/heads/', [404, 'http-not-found']],
])('there is no bundle at %s', async (path, expected) => {
  const { served } = await withRelease();
  expect(await refusalIn(await served.get(path))).toEqual(expected);
});

test('what is no release has no bundle', async () => {
  const { served } = await withRelease();
  for (const index of [0, 1]) {
    const path = `/bundle/${hex(await served.log.leafHash(index))}`;
    expect(await refusalIn(await served.get(path))).toEqual([404, 'http-not-found']);
  }
  const admissions = streamKey({ type: 'admission', issuer: ORIGIN, stream: ORIGIN });
  expect(await refusalIn(await served.get(`/heads/${hex(admissions)}.vitrine`))).toEqual([404, 'http-not-found']);
});

test('a log without an index has no bundles', async () => {
  const served = await ServedLog.create();
  await served.fill(1);
  expect(await refusalIn(await served.get(HEAD))).toEqual([404, 'log-index']);
});

test('a log that allows duplicates is not searched for a release', async () => {
  const served = await ServedLog.create({ duplicates: true });
  await served.fill(1);
  served.log.indexOf = () => Promise.reject(new Error('it was'));
  expect(await refusalIn(await served.get(`/bundle/${'0'.repeat(64)}`))).toEqual([404, 'http-not-found']);
});

test('the manifest of a release is looked for by its hash, and checked', async () => {
  const manifests = await mkdtemp(join(tmpdir(), 'vitrine-manifests-'));
  onTestFinished(() => rm(manifests, { recursive: true }));
  const bytes = formatManifest([ARTIFACT]);
  const digest = sha256(bytes);
  const payload: Payload = {
    type: 'build',
    product: 'tool',
    version: '1',
    channel: 'stable',
    manifest: { name: 'manifest', size: bytes.length, sha256: digest },
  };
  for (const options of [{}, { manifests }]) {
    const served = await ServedLog.create({ kind: 'statements', ...options });
    await served.admitVendor();
    await served.log.append(await served.sign(payload));
    expect(await refusalIn(await served.get(HEAD))).toEqual([404, 'manifest-missing']);
    if (options.manifests === undefined) continue;
    await writeFile(join(manifests, hex(digest)), 'something else');
    expect(await refusalIn(await served.get(HEAD))).toEqual([404, 'manifest-missing']);
    await writeFile(join(manifests, hex(digest)), bytes);
    expect(parseBundle(await bytesOf(await served.get(HEAD))).manifest).toEqual(bytes);
  }
});
