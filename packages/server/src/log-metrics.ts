import { cosignatureTime, formatKeyId, parseSignedNote, parseVkey } from '@vitrine/core';
import type { Log, LogCheckpoint } from '@vitrine/core/log';
import type { Appender } from './appender.ts';
import type { Metrics } from './metrics.ts';

/** What the figures are of. */
export interface MeasuredLog {
  readonly log: Pick<Log, 'size' | 'checkpoint' | 'cosignedCheckpoint' | 'description'>;
  published(): LogCheckpoint | undefined;
  readonly appender: Appender | undefined;
}

/** Adds the figures of a log. */
export function logMetrics(metrics: Metrics, { log, published, appender }: MeasuredLog): void {
  metrics.gauge('vitrine_log_entries', 'Entries that are durable.', () => log.size);
  metrics.gauge('vitrine_log_signed_entries', 'Entries in the newest signed checkpoint.', () => log.checkpoint().size);
  metrics.gauge('vitrine_log_published_entries', 'Entries in the checkpoint that is served.', () => published()?.size);
  metrics.gauge(
    'vitrine_log_cosigned_entries',
    'Entries in the newest checkpoint that a witness has cosigned.',
    () => log.cosignedCheckpoint()?.size,
  );
  metrics.gauge('vitrine_log_cosigned_age_seconds', 'Since the newest cosignature in it was made.', () => {
    const time = newestCosignature(log);
    return time === undefined ? undefined : Math.max(0, Date.now() / 1000 - time);
  });
  if (appender === undefined) return;
  metrics.gauge('vitrine_queue_entries', 'Entries that wait to become durable.', () => appender.entries);
  metrics.gauge('vitrine_queue_bytes', 'Bytes of bodies that are read or wait.', () => appender.bodies.bytes);
}

/** Seconds since the Epoch, as the witnesses say. */
function newestCosignature(log: MeasuredLog['log']): number | undefined {
  const cosigned = log.cosignedCheckpoint();
  if (cosigned === undefined) return undefined;
  const own = new Set(
    log.description.vkeys.map(parseVkey).map(({ keyName, keyId }) => `${keyName} ${formatKeyId(keyId)}`),
  );
  const times = parseSignedNote(cosigned.note)
    .signatures.filter(({ keyName, keyId }) => !own.has(`${keyName} ${formatKeyId(keyId)}`))
    .map(({ signature }) => cosignatureTime(signature));
  return times.length === 0 ? undefined : Math.max(...times);
}
