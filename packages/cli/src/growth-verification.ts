import {
  CoreError,
  MAX_ADD_CHECKPOINT_SIZE,
  ProofError,
  parseAddCheckpoint,
  parseCheckpoint,
  parseSignedNote,
  parseTlogProof,
  verifyCheckpoint,
  verifyConsistency as verifyGrowth,
} from '@vitrine/core';
import { MAX_STATE_SIZE, parseState } from '@vitrine/verifier';
import { checkpointJson, checkpointRows } from './checkpoint-view.ts';
import type { Context } from './context.ts';
import { naming } from './errors.ts';
import { readAtMost } from './files.ts';
import { readPolicy } from './policy-file.ts';
import { aligned } from './text.ts';

/** What a proof of growth is verified with. */
interface GrowthOptions {
  readonly policy?: string;
  readonly json?: boolean;
}

/** Verifies that a log only grew, from a checkpoint that was seen before, and prints what it grew to. */
export async function verifyConsistency(
  context: Context,
  proofPath: string,
  from: string,
  options: GrowthOptions,
): Promise<void> {
  const { output } = context;
  const loaded = await readPolicy(options.policy!);
  const { policy, schemes } = loaded;
  const growth = await readAtMost(proofPath, MAX_ADD_CHECKPOINT_SIZE);
  const { oldSize, proof, checkpoint: newNote } = naming(proofPath, () => parseAddCheckpoint(growth));
  const old = await readAtMost(from, MAX_STATE_SIZE);
  const seen = naming(from, () => checkpointIn(old, { origin: originOf(newNote), size: oldSize }));
  const oldCheckpoint = naming(from, () => verifyCheckpoint(seen, policy, { schemes }));
  const newCheckpoint = naming(proofPath, () => verifyCheckpoint(newNote, policy, { schemes }));
  const { origin, size, root } = oldCheckpoint.checkpoint;
  if (newCheckpoint.checkpoint.origin !== origin) {
    throw new CoreError(
      'checkpoint-origin',
      `the old checkpoint is of ${origin}, the new one of ${newCheckpoint.checkpoint.origin}`,
    );
  }
  if (oldSize !== size) {
    throw new ProofError('proof-range', `the proof starts at size ${oldSize}, the old checkpoint has ${size}`);
  }
  verifyGrowth({
    oldSize,
    newSize: newCheckpoint.checkpoint.size,
    oldRoot: root,
    newRoot: newCheckpoint.checkpoint.root,
    proof,
  });

  const checkpoint = checkpointJson(newCheckpoint, policy);
  const oldJson = checkpointJson(oldCheckpoint, policy);
  if (options.json) return output.json({ verified: 'consistency', ...checkpoint, old: oldJson });
  await output.text(
    aligned([
      ['verified', 'the log only grew'],
      ['old tree size', oldJson.unwitnessed ? `${size} (unwitnessed)` : String(size)],
      ...checkpointRows(checkpoint),
    ]),
  );
}

/** The tree that a proof of growth begins with. */
interface OldTree {
  readonly origin: string;
  readonly size: number;
}

/** The checkpoint in the bytes of a file: alone, in a proof of either kind, or of that tree in the state of an agent. */
function checkpointIn(bytes: Uint8Array, tree: OldTree): Uint8Array {
  if (isTlogProof(bytes)) return parseTlogProof(bytes).checkpoint;
  if (begins(bytes, 'old ')) return parseAddCheckpoint(bytes).checkpoint;
  // No text begins as a CBOR map does.
  return (bytes[0]! & 0xe0) === 0xa0 ? checkpointInState(bytes, tree) : bytes;
}

/** @throws ProofError `proof-range` if the agent kept no checkpoint of that tree */
function checkpointInState(bytes: Uint8Array, { origin, size }: OldTree): Uint8Array {
  const log = parseState(bytes).logs.find((one) => one.origin === origin);
  const kept = log === undefined ? [] : [...log.unsettled, log.largest];
  const found = kept.find((one) => one.size === size);
  if (found !== undefined) return found.checkpoint;
  const sizes = kept.length === 0 ? 'none' : `those of ${kept.map((one) => one.size).join(', ')} entries`;
  throw new ProofError(
    'proof-range',
    `the proof starts at size ${size}, and of the checkpoints of ${origin} the state has ${sizes}`,
  );
}

const originOf = (note: Uint8Array): string => parseCheckpoint(parseSignedNote(note).text).origin;

const isTlogProof = (bytes: Uint8Array): boolean => begins(bytes, 'c2sp.org/tlog-proof@');

function begins(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text;
}
