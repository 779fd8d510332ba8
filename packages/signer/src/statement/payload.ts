/** A file as a statement names it. */
export interface Artifact {
  /** A base name. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
}

/** A file that goes with a build: an SBOM, SLSA provenance, a cosign bundle. */
export interface Attachment extends Artifact {
  readonly mediaType: string;
}

/**
 * The files of a release: either all of them, in the order of the bytes of their names, or one manifest file with a line
 * `<sha256> <size> <name>` for each.
 */
export type ReleasedFiles =
  | { readonly artifacts: readonly Artifact[]; readonly manifest?: undefined }
  | { readonly manifest: Artifact; readonly artifacts?: undefined };

/** "This is the source given to reviewers." Its stream is `<product>`. */
export interface SourcePayload {
  readonly type: 'source';
  readonly product: string;
  readonly version: string;
  /** The revision in the vendor's version control, a git commit for instance. */
  readonly revision: string;
  readonly tree: SourceTreeSummary;
  /** How it is built. */
  readonly toolchain?: string;
}

/** A source tree, by its root. */
export interface SourceTreeSummary {
  /** Root of the tree over the lines of all files, 32 bytes. */
  readonly root: Uint8Array;
  /** How many. At least 1. */
  readonly files: number;
  /** Bytes in all of them. */
  readonly size: number;
  /** Each line ends with a salt, so that nobody can guess the files next to one that is disclosed. */
  readonly salted?: true;
}

/** "These artifacts were built from that source." Its stream is `<product>/<channel>` or `<product>/<channel>/<platform>`. */
export type BuildPayload = ReleasedFiles & {
  readonly type: 'build';
  readonly product: string;
  readonly version: string;
  readonly channel: string;
  readonly platform?: string;
  /** Leaf hash of the `source` statement. */
  readonly source?: Uint8Array;
  readonly toolchain?: string;
  /** In the order of the bytes of their names; at least one. */
  readonly attachments?: readonly Attachment[];
};

/** "This is release N of a signature database." Its stream is `<name>`. */
export type DatabasePayload = ReleasedFiles & {
  readonly type: 'database';
  readonly name: string;
  /** Exceeds that of the release before it. */
  readonly sequence: number;
  readonly records?: RecordSetSummary;
  /** The vendor's own way from an earlier release to this one. */
  readonly delta?: { readonly from: number; readonly artifact: Artifact };
  /** Leaf hash of the release before it in the stream. */
  readonly previous?: Uint8Array;
  /** Seconds since the Epoch. */
  readonly expires?: number;
};

/** The records of a database, by the root of their prefix tree. */
export interface RecordSetSummary {
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Distinct records. */
  readonly count: number;
  /** How records are read out of the files, so that others find the same ones. */
  readonly format: RecordFormat;
}

/** How records are read out of a database's files. */
export interface RecordFormat {
  /** `lines`: of a file, or of all files of a directory. `cvd`: of the members of a ClamAV container. */
  readonly reader: 'lines' | 'cvd';
  /** Lines that begin with this, white space before it not counted, are no records. 1 to 8 printable ASCII characters. */
  readonly comment?: string;
  /** Lines of white space only are no records. */
  readonly skipBlank?: true;
}

export type Verdict = 'reviewed' | 'reproduced' | 'equivalent' | 'rejected';

/** One organisation's verdict on one source, build or database. Its `sub` is the subject's leaf hash in hex. */
export interface ReviewPayload {
  readonly type: 'review';
  /** Leaf hash. */
  readonly subject: Uint8Array;
  readonly verdict: Verdict;
  readonly method?: string;
  /** SHA-256 of a report. */
  readonly evidence?: Uint8Array;
  /** The program after which both builds were equal: there exactly if the verdict is `equivalent`. */
  readonly normalizer?: { readonly name: string; readonly sha256: Uint8Array };
}

/** "This release must no longer be installed." Final. Its `sub` is the subject's leaf hash in hex. */
export interface WithdrawalPayload {
  readonly type: 'withdrawal';
  /** Leaf hash. */
  readonly subject: Uint8Array;
  readonly reason: string;
  /** Leaf hash of the release to install in its place. */
  readonly replacement?: Uint8Array;
}

export type Role = 'vendor' | 'reviewer';

/** The log changes whose statements it takes. Its `sub` is the log's origin. At least one of both lists is there. */
export interface AdmissionPayload {
  readonly type: 'admission';
  /** Keys of type 0x01, as vkeys, in the order of their bytes; at least one. */
  readonly add?: readonly { readonly role: Role; readonly vkey: string }[];
  /** In the order of name and ID; at least one. `keyId` is an unsigned 32-bit integer. */
  readonly remove?: readonly { readonly keyName: string; readonly keyId: number }[];
}

/** A commitment to how customer data was stored, processed or disclosed. Its stream is `<category>`. */
export interface HandlingPayload {
  readonly type: 'handling';
  readonly category: string;
  /** Where it happened. */
  readonly site: string;
  /** Seconds since the Epoch: from, and up to but without, `to`. */
  readonly period: { readonly from: number; readonly to: number };
  /** HMAC-SHA256 of the document under a random key of 32 bytes, which is disclosed to auditors. */
  readonly commitment: Uint8Array;
}

/** What a statement says. */
export type Payload =
  | SourcePayload
  | BuildPayload
  | DatabasePayload
  | ReviewPayload
  | WithdrawalPayload
  | AdmissionPayload
  | HandlingPayload;

export type StatementType = Payload['type'];

/** What is a release, and can be reviewed and withdrawn. */
export type ReleasePayload = SourcePayload | BuildPayload | DatabasePayload;
