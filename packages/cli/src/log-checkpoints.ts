import { formatKeyId, parseSignedNote, parseVkey } from '@vitrine/core';
import type { LogCheckpoint, LogReading } from '@vitrine/core/log';
import { CliError } from './errors.ts';

/** What a command asked for: the newest checkpoint, the newest cosigned one, or the one of a size. */
export interface CheckpointChoice {
  readonly cosigned?: boolean | undefined;
  readonly size?: number | undefined;
}

/**
 * The newest checkpoint that somebody other than the log itself has signed. The log's own second signature, by its
 * ML-DSA-44 key, does not make one.
 */
export function cosignedCheckpoint(log: LogReading): LogCheckpoint | undefined {
  const checkpoint = log.cosignedCheckpoint();
  return checkpoint !== undefined && isCosigned(log, checkpoint) ? checkpoint : undefined;
}

/** Whether a checkpoint has a signature of somebody other than its log. */
export function isCosigned(log: LogReading, { note }: LogCheckpoint): boolean {
  const own = new Set(log.description.vkeys.map(parseVkey).map(lineId));
  return parseSignedNote(note).signatures.some((line) => !own.has(lineId(line)));
}

/**
 * A checkpoint that the log has. There are at most two: the newest, and the newest cosigned one.
 *
 * @throws CliError `checkpoint-missing`, which says which ones there are
 */
export function chooseCheckpoint(log: LogReading, { cosigned, size }: CheckpointChoice): LogCheckpoint {
  const newest = log.checkpoint();
  const witnessed = cosignedCheckpoint(log);
  if (cosigned && witnessed === undefined) {
    throw new CliError('checkpoint-missing', `the log ${log.origin} has no cosigned checkpoint yet`);
  }
  const choices = cosigned ? [witnessed!] : [newest, ...(witnessed === undefined ? [] : [witnessed])];
  const chosen = size === undefined ? choices[0] : choices.find((checkpoint) => checkpoint.size === size);
  if (chosen !== undefined) return chosen;
  const sizes = Array.from(new Set(choices.map((checkpoint) => checkpoint.size)));
  throw new CliError(
    'checkpoint-missing',
    `the log keeps ${cosigned ? 'a cosigned checkpoint' : 'checkpoints'} of ${sizes.join(' and ')} entries, not of ${size}`,
  );
}

function lineId({ keyName, keyId }: { readonly keyName: string; readonly keyId: number }): string {
  return `${keyName} ${formatKeyId(keyId)}`;
}
