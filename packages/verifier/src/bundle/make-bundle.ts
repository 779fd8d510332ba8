import type { MultiProofClaim, PrefixProof, StreamName, StreamRecord, SubjectRecord } from '@vitrine/core';
import { type BuildPayload, type DatabasePayload, parseStatement, type Statement } from '@vitrine/signer';
import { type BundledSubject, formatBundle } from './bundle.ts';

/** What a bundle is made from: a `Log` with an index is one. */
export interface BundleLog {
  entry(index: number): Promise<Uint8Array>;
  leafHash(index: number): Promise<Uint8Array>;
  indexOf(leafHash: Uint8Array): Promise<number | undefined>;
  proveLatest(
    stream: StreamName,
    size: number,
  ): Promise<{ claim: { record: StreamRecord; proof: PrefixProof; indexRoot: Uint8Array } }>;
  proveSubject(
    leafHash: Uint8Array,
    size: number,
  ): Promise<{ claim: { record: SubjectRecord | null; proof: PrefixProof } }>;
  proveMulti(
    claims: { readonly indices: readonly number[]; readonly oldSizes: readonly number[] },
    size: number,
  ): Promise<MultiProofClaim>;
}

/** What a bundle is to be made of. */
export interface BundleOptions {
  /** Of the log, with the cosignatures that it has. */
  readonly checkpoint: { readonly size: number; readonly note: Uint8Array };
  /** Sizes of earlier trees that agents may know, strictly increasing, none above the checkpoint's. */
  readonly earlier?: readonly number[];
  /** Of a release that names one. */
  readonly manifest?: Uint8Array;
}

/**
 * Makes a bundle for the release at a leaf: with its source, and everybody's newest review of both.
 *
 * @throws RangeError if the leaf is no release to install; ProofError `proof-range` if it is not below the checkpoint's index entry;
 * Refusal `bundle-unreadable` for more than a bundle can have; what reading the log throws
 */
export async function makeBundle(
  log: BundleLog,
  leaf: number,
  { checkpoint: { size, note }, earlier = [], manifest }: BundleOptions,
): Promise<Uint8Array> {
  const statement = parseStatement(await log.entry(leaf));
  if (!isRelease(statement)) throw new RangeError(`leaf ${leaf} is no build and no database`);
  const { payload, issuer, stream } = statement;
  const { claim } = await log.proveLatest({ type: payload.type, issuer, stream }, size);
  const leaves = new Set([leaf]);
  const subjectOf = async (leafHash: Uint8Array): Promise<BundledSubject> => {
    const { claim: found } = await log.proveSubject(leafHash, size);
    for (const { type, newest } of found.record ?? []) if (type === 'review') leaves.add(await indexOf(log, newest));
    return { record: found.record, proof: found.proof };
  };
  const subject = await subjectOf(await log.leafHash(leaf));
  let source: BundledSubject | undefined;
  if (payload.type === 'build' && payload.source !== undefined) {
    leaves.add(await indexOf(log, payload.source));
    source = await subjectOf(payload.source);
  }
  const indices = [...leaves].sort((a, b) => a - b);
  const { oldTrees, proof } = await log.proveMulti({ indices: [...indices, size - 1], oldSizes: earlier }, size);
  const statements = await Promise.all(indices.map(async (index) => ({ index, entry: await log.entry(index) })));
  return formatBundle({
    checkpoint: note,
    release: leaf,
    statements,
    indexRoot: claim.indexRoot,
    stream: { record: claim.record, proof: claim.proof },
    subject,
    ...(source !== undefined && { source }),
    earlier: oldTrees,
    proof,
    ...(manifest !== undefined && { manifest }),
  });
}

function isRelease(statement: Statement): statement is Statement<BuildPayload | DatabasePayload> {
  const { type } = statement.payload;
  return type === 'build' || type === 'database';
}

async function indexOf(log: BundleLog, leafHash: Uint8Array): Promise<number> {
  const index = await log.indexOf(leafHash);
  if (index === undefined) throw new RangeError('the log names a statement that it does not have');
  return index;
}
