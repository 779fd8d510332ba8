import type { ReviewPayload } from '@vitrine/signer';

/** A witness of the checkpoint. */
export interface FoundWitness {
  /** In the trust file, as octets. */
  readonly name: string;
  /** Of its newest cosignature, in seconds since the Epoch; 0 says nothing about time. */
  readonly time: number;
}

/** A review that counted. */
export interface FoundReview {
  /** The reviewer's name in the trust file, as octets. */
  readonly reviewer: string;
  readonly issuer: string;
  readonly of: 'release' | 'source';
  readonly verdict: ReviewPayload['verdict'];
  /** Its leaf index. */
  readonly leaf: number;
}

/** All that was established about a release that may be installed. */
export interface Finding {
  readonly release: {
    readonly type: 'build' | 'database';
    readonly stream: string;
    readonly issuer: string;
    /** The signer's name in the trust file, as octets. */
    readonly signer: string;
    /** Of a build, for people. */
    readonly version?: string;
    /** Of a database. */
    readonly sequence?: number;
    /** The signer's word. */
    readonly issuedAt: number;
    readonly leaf: number;
    readonly leafHash: Uint8Array;
  };
  readonly artifact: { readonly name: string; readonly size: number; readonly sha256: Uint8Array };
  /** The source of a build, if it names one. */
  readonly source?: { readonly leaf: number; readonly leafHash: Uint8Array };
  readonly log: { readonly origin: string; readonly size: number; readonly root: Uint8Array };
  readonly witnesses: readonly FoundWitness[];
  /** When the quorum had seen the checkpoint, in seconds since the Epoch. */
  readonly time?: number;
  readonly reviews: readonly FoundReview[];
  /** Whether it is the newest of its stream in that tree. */
  readonly latest: boolean;
  /** How many statements the stream has in that tree. */
  readonly count: number;
  readonly index: {
    readonly root: Uint8Array;
    /** Witnesses that derived the index again before they cosigned; none: it is the log's claim. */
    readonly checkedBy: readonly string[];
  };
  /** Whether the tree is shown to have grown from the one that the state knows. */
  readonly consistency: 'proven' | 'unproven' | 'none';
  /** SHA-256 of the trust file that was used, and the line of its rule. */
  readonly trust: { readonly digest: Uint8Array; readonly line: number };
}
