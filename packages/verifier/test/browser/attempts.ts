import { formatVkey, type PrivateKey } from '@vitrine/core';
import type { SeededRandom } from '@vitrine/testkit';
import { formatState } from '../../src/state/state-codec.ts';
import type { Attempt } from '../attempt.ts';
import {
  build,
  database,
  download,
  ML_DSA_WITNESS,
  NOW,
  source,
  TRUST_HEAD,
  utf8,
  WITNESSES,
  World,
} from '../world.ts';
import type { PlainAttempt } from './decide.js';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** An attempt as `decide.js` takes it, which gets the schemes that it needs from the trust file. */
export function plainAttempt({ request, bundle, trust, now = NOW, state, options }: Attempt): PlainAttempt {
  const { schemes: _, ...plain } = options ?? {};
  return {
    options: plain,
    request: { ...request, digest: base64(request.digest) },
    bundle: base64(bundle),
    trust: base64(utf8(trust)),
    now,
    ...(state !== undefined && { state: base64(formatState(state)) }),
  };
}

/** Honest releases, which may be installed. */
export async function honestAttempts(): Promise<readonly PlainAttempt[]> {
  const world = await World.create();
  const src = await world.say(source());
  await world.review(src.leafHash, 'reviewed');
  const built = await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }));
  await world.review(built.leafHash, 'reproduced');
  const daily = await world.say(database(1, 'one'));
  const trust = [
    ...TRUST_HEAD,
    'release tool/* signed-by acme max-age 1h latest indexed-by w1 source-reviewed-by r1 reproduced-by r1',
    'release daily signed-by acme any-age',
    '',
  ].join('\n');
  const request = { stream: 'tool/stable', name: 'tool.tgz', ...download('tool') };
  return [
    { request, bundle: await world.bundle(built.leaf), trust },
    { request: { stream: 'daily', ...download('one') }, bundle: await world.bundle(daily.leaf), trust },
  ].map(plainAttempt);
}

/**
 * With a trust file that wants a cosignature by ML-DSA-44: a bundle that has it, and one that does not. The first is accepted,
 * the second refused with `checkpoint-witnesses`.
 */
export async function mlDsaAttempts(): Promise<readonly PlainAttempt[]> {
  const world = await World.create();
  const { leaf } = await world.say(database(1, 'one'));
  const trust = [
    ...TRUST_HEAD.map((line) =>
      line.startsWith('group ')
        ? `witness nairobi ${formatVkey(ML_DSA_WITNESS.vkey)}\ngroup witnesses all w1 nairobi`
        : line,
    ),
    'release daily signed-by acme max-age 1h',
    '',
  ].join('\n');
  const request = { stream: 'daily', ...download('one') };
  const bundleBy = (...witnesses: readonly PrivateKey[]): Promise<Uint8Array> =>
    world.bundle(leaf, { times: witnesses.map((witness) => [witness, NOW - 60] as const) });
  return [
    { request, bundle: await bundleBy(WITNESSES[0], ML_DSA_WITNESS), trust },
    { request, bundle: await bundleBy(WITNESSES[0], WITNESSES[1]), trust },
  ].map(plainAttempt);
}

/** Attempts with one byte of the bundle or of the trust file changed. */
export function damaged(
  attempts: readonly PlainAttempt[],
  count: number,
  random: SeededRandom,
): readonly PlainAttempt[] {
  return Array.from({ length: count }, () => {
    const attempt = attempts[random.below(attempts.length)]!;
    const what = random.below(4) === 0 ? 'trust' : 'bundle';
    const bytes = Buffer.from(attempt[what], 'base64');
    bytes[random.below(bytes.length)] = random.below(256);
    return { ...attempt, [what]: base64(bytes) };
  });
}

/** Downloads for the example of the documentation, with what it says of each. */
export async function exampleDownloads(): Promise<readonly { readonly args: unknown; readonly says: string }[]> {
  const world = await World.create();
  const { leaf } = await world.say(database(1, 'one'));
  const shared = {
    name: 'daily.db',
    stream: 'daily',
    bundle: base64(await world.bundle(leaf)),
    trustFile: base64(utf8([...TRUST_HEAD, 'release daily signed-by acme any-age', ''].join('\n'))),
  };
  return [
    { args: { ...shared, content: base64(utf8('one')) }, says: 'daily' },
    { args: { ...shared, content: base64(utf8('eno')) }, says: 'artifact-other' },
  ];
}
