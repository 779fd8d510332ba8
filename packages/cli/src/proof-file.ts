import { CoreError, formatBase64 } from '@vitrine/core';
import type { LogCheckpoint, LogReading } from '@vitrine/core/log';
import type { Context } from './context.ts';
import { isCosigned } from './log-checkpoints.ts';
import { type OutOptions, outFile, writeResult } from './result-file.ts';
import { count } from './text.ts';

/** A proof that is to be written. */
export interface Delivery {
  readonly log: LogReading;
  readonly checkpoint: LogCheckpoint;
  readonly options: OutOptions & { readonly json?: boolean };
  /** What is particular to this kind of proof. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly what: string;
}

/** Writes a proof where it belongs, and says so. @throws what `writeResult` throws */
export async function deliver(
  context: Context,
  bytes: Uint8Array,
  { log, checkpoint, options, json, what }: Delivery,
): Promise<void> {
  const { output } = context;
  const { size, root, note } = checkpoint;
  const file = outFile(options);
  if (file !== undefined || !options.json) await writeResult(context, bytes, options);
  const unwitnessed = !isCosigned(log, checkpoint);
  if (options.json) {
    const { origin } = log;
    const common = { size, root: formatBase64(root), unwitnessed, checkpoint: new TextDecoder().decode(note) };
    return output.json({ origin, ...json, ...common, ...(file !== undefined && { file }) });
  }
  const witnessed = unwitnessed ? ', unwitnessed' : '';
  if (file !== undefined) output.note(`wrote ${file}: ${what} of ${log.origin}, tree size ${size}${witnessed}`);
}

/** Refuses an index that a checkpoint does not cover. @throws CoreError `log-range` */
export function checkCovered(log: LogReading, index: number, checkpoint: LogCheckpoint): void {
  if (index < checkpoint.size) return;
  const all = index < log.size ? '; the log has more entries' : '';
  throw new CoreError(
    'log-range',
    `the checkpoint covers ${count(checkpoint.size, 'entry', 'entries')}, not index ${index}${all}`,
  );
}
