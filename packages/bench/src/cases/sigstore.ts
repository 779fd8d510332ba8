import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import type { Case } from '../measurement.ts';
import { perSecond } from '../rate.ts';

// The provenance of a package of its own. SIGSTORE_BUNDLE names a file with such a bundle instead.
const ATTESTATIONS = 'https://registry.npmjs.org/-/npm/v1/attestations/sigstore@4.1.0';

/** What sigstore calls a bundle: an attestation with its certificate and its place in Rekor. */
async function readBundle(): Promise<unknown> {
  const file = process.env['SIGSTORE_BUNDLE'];
  if (file !== undefined) return JSON.parse(readFileSync(file, 'utf8'));
  const response = await fetch(ATTESTATIONS);
  if (!response.ok) throw new Error(`${ATTESTATIONS}: ${response.status}`);
  const { attestations } = (await response.json()) as { attestations: { predicateType: string; bundle: unknown }[] };
  return attestations.find(({ predicateType }) => predicateType.startsWith('https://slsa.dev/'))!.bundle;
}

/** The root of trust that comes with its client: what an offline verifier has. */
function trustedRoot(): TrustedRoot {
  const seeds = createRequire(import.meta.url)('@sigstore/tuf/seeds.json') as Record<
    string,
    { targets: Record<string, string> }
  >;
  const [{ targets }] = Object.values(seeds) as [{ targets: Record<string, string> }];
  return TrustedRoot.fromJSON(JSON.parse(Buffer.from(targets['trusted_root.json']!, 'base64').toString()));
}

/** The peer: sigstore's own verifier on one of its bundles, read and verified each time; its trust is read once. */
export const sigstore: Case = async () => {
  const json = await readBundle();
  const verifier = new Verifier(toTrustMaterial(trustedRoot()));
  const text = JSON.stringify(json);
  const verify = (): void => {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text))));
  };
  return { bundleBytes: text.length, verificationsPerSecond: perSecond(verify) };
};
