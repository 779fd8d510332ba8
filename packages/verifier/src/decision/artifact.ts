import { equalBytes, sha256 } from '@vitrine/core';
import { type Artifact, parseManifest, SignerError } from '@vitrine/signer';
import type { Bundle } from '../bundle/bundle.ts';
import { Refusal } from '../refusal.ts';
import type { FoundRelease } from './release.ts';

/** What the agent wanted, and what it got. */
export interface ReleaseRequest {
  /** The stream that it asked for: `tool/stable/linux-x64` of a build, the name of a database. */
  readonly stream: string;
  /** The artifact that it asked for. May be left out of a release that has one only. */
  readonly name?: string;
  /** SHA-256 of the download, and its bytes. */
  readonly digest: Uint8Array;
  readonly size: number;
}

/** The artifact that was asked for. @throws Refusal `artifact-unknown`, `manifest-other` */
export function artifactOf(
  { statement: { payload } }: FoundRelease,
  { manifest }: Bundle,
  { name }: ReleaseRequest,
): Artifact {
  const artifacts = payload.artifacts ?? listed(payload.manifest, manifest);
  if (name === undefined) {
    if (artifacts.length === 1) return artifacts[0]!;
    throw new Refusal(
      'artifact-unknown',
      `the release has ${artifacts.length} artifacts: say by its name which one was asked for`,
    );
  }
  const found = artifacts.find((artifact) => artifact.name === name);
  if (found === undefined) throw new Refusal('artifact-unknown', `the release has no artifact of the name ${name}`);
  return found;
}

function listed(expected: Artifact, manifest: Uint8Array | undefined): readonly Artifact[] {
  if (manifest === undefined) throw new Refusal('manifest-other', 'the release has a manifest, which the bundle lacks');
  if (manifest.length !== expected.size || !equalBytes(sha256(manifest), expected.sha256)) {
    throw new Refusal('manifest-other', 'the manifest in the bundle is not that of the release');
  }
  try {
    return parseManifest(manifest, 'the manifest');
  } catch (error) {
    if (!(error instanceof SignerError)) throw error;
    throw new Refusal('manifest-other', error.message, { cause: error });
  }
}

/** Whether a download is an artifact. */
export const isDownload = (artifact: Artifact, { size, digest }: ReleaseRequest): boolean =>
  artifact.size === size && equalBytes(artifact.sha256, digest);

/** @throws Refusal `size-other`, `artifact-other` */
export function checkDownload({ name, size, sha256: digest }: Artifact, request: ReleaseRequest): void {
  if (size !== request.size) {
    throw new Refusal('size-other', `${name} was logged with ${size} bytes, and the download has ${request.size}`);
  }
  if (!equalBytes(digest, request.digest)) {
    throw new Refusal('artifact-other', `the download is not the ${name} that was logged`);
  }
}
