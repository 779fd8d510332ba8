import type { Policy, VerifierKey } from '@vitrine/core';

/** A key whose statements count. */
export interface TrustedKey {
  /** Of type 0x01. */
  readonly key: VerifierKey;
  /** Statements at this leaf index and above do not count: what a thief of the key would sign. */
  readonly below?: number;
}

/** A vendor or a reviewer: one name for all the keys that it has had. */
export interface TrustedIssuer {
  /** In the trust file, as octets. */
  readonly name: string;
  /** The key name that all of its keys share: CWT `iss` of what it signs. */
  readonly issuer: string;
  /** At least one. */
  readonly keys: readonly TrustedKey[];
}

/** A `reviewer-group` line. */
export interface ReviewerGroup {
  readonly name: string;
  /** How many of the members have to agree. */
  readonly threshold: number;
  /** Names of reviewers, each once. */
  readonly members: readonly string[];
}

/** What a `release` line asks of reviewers: the name of one, or of a group of them. */
export interface ReviewDemands {
  /** The verdict `reviewed` on the source of a build. */
  readonly sourceReviewedBy?: string;
  /** Any positive verdict on the release itself. */
  readonly reviewedBy?: string;
  /** The verdict `reproduced` on a build. */
  readonly reproducedBy?: string;
  /** The verdict `reproduced` or `equivalent` on a build. */
  readonly equivalentBy?: string;
}

/** A `release` line: what a stream's releases have to have. */
export interface ReleaseRule extends ReviewDemands {
  /** Where it stands, counted from 1. */
  readonly line: number;
  readonly pattern: string;
  /** The log that its releases are in. */
  readonly origin: string;
  /** The name of a signer. */
  readonly signedBy: string;
  /** In seconds; undefined for any age. */
  readonly maxAge?: number;
  /** Whether the release has to be the newest of its stream. */
  readonly latest: boolean;
  /** The witness or group that has to have checked the index before it cosigned. */
  readonly indexedBy?: string;
}

/** What an agent accepts. Plain data, as a trust file has it. */
export interface Trust {
  /** The part of it that C2SP tlog-policy defines. */
  readonly policy: Policy;
  /** Origins of logs that have an index. */
  readonly indexed: readonly string[];
  readonly signers: readonly TrustedIssuer[];
  readonly reviewers: readonly TrustedIssuer[];
  readonly reviewerGroups: readonly ReviewerGroup[];
  /** In the order of the file: the first that fits a stream decides. */
  readonly releases: readonly ReleaseRule[];
  /** Of two files of one owner the larger is the newer. */
  readonly serial?: number;
  /** Seconds since the Epoch. */
  readonly expires?: number;
  /** SHA-256 of the file. */
  readonly digest: Uint8Array;
}
