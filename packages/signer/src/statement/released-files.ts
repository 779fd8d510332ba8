import {
  type Codec,
  hash,
  type OptionalField,
  optional,
  type Place,
  record,
  sortedList,
  text,
  textWhere,
  unsigned,
} from '@vitrine/core/schema';
import type { Artifact, Attachment } from './payload.ts';

const MAX_NAME_SIZE = 255;
const MAX_ARTIFACTS = 256;
const MAX_ATTACHMENTS = 64;
const MAX_MEDIA_TYPE_SIZE = 128;

const encoder = new TextEncoder();

/** Base names: none has a separator of directories in it, of this system or of Windows. */
const fileName: Codec<string> = textWhere(
  (name) => /^[^/\\\p{Cc}]+$/u.test(name) && !/^\.{1,2}$/.test(name) && encoder.encode(name).length <= MAX_NAME_SIZE,
  `a base name of 1 to ${MAX_NAME_SIZE} bytes`,
);

const byName = { by: 'name', keyOf: ({ name }: Artifact): string => name };

/** A file of a release. */
export const artifact: Codec<Artifact> = record<Artifact>({ name: fileName, size: unsigned(), sha256: hash });

const attachment: Codec<Attachment> = record<Attachment>({
  name: fileName,
  mediaType: text(MAX_MEDIA_TYPE_SIZE),
  size: unsigned(),
  sha256: hash,
});

/** What goes with a build. */
export const attachments: Codec<readonly Attachment[]> = sortedList(attachment, { max: MAX_ATTACHMENTS, ...byName });

/** The two forms of the files of a release, as fields; {@link checkReleasedFiles} has the rule. */
export interface LooseFiles {
  readonly artifacts?: readonly Artifact[];
  readonly manifest?: Artifact;
}

/** Fields of {@link LooseFiles}. */
export const releasedFiles: {
  readonly artifacts: OptionalField<readonly Artifact[]>;
  readonly manifest: OptionalField<Artifact>;
} = {
  artifacts: optional(sortedList(artifact, { max: MAX_ARTIFACTS, ...byName })),
  manifest: optional(artifact),
};

/** Exactly one of both is there. */
export function checkReleasedFiles({ artifacts, manifest }: LooseFiles, place: Place): void {
  if ((artifacts === undefined) === (manifest === undefined)) {
    throw place.refuse('has either artifacts or a manifest');
  }
}
