import { join } from 'node:path';
import { ed25519Signer, formatVkey, type Signer } from '@vitrine/core';
import { type Admission, LevelStore, Log } from '@vitrine/core/log';
import { statementAdmission, statementMapping } from '@vitrine/signer';
import { seconds } from './measurement.ts';
import { admissionOfVendor, LOG_KEY, ORIGIN, statementsOf } from './statements.ts';

/** Takes everything unseen. */
export const ANY: Admission = { admit: async () => [] };

const CHUNK = 4096;

export const signer: Signer = ed25519Signer(LOG_KEY);
export const mappingOf = (indexed: boolean): { mapping?: typeof statementMapping } =>
  indexed ? { mapping: statementMapping } : {};

/** A log that has admitted the vendor, and one statement of each stream. */
export async function prefilled(
  directory: string,
  { indexed, streams }: { readonly indexed: boolean; readonly streams: number },
): Promise<void> {
  const path = join(directory, 'log');
  const mapping = mappingOf(indexed);
  {
    await using log = await Log.create((description) => LevelStore.create(path, description), {
      origin: ORIGIN,
      vkeys: [formatVkey(LOG_KEY.vkey)],
      kind: 'statements',
      duplicates: false,
      signer,
      admission: statementAdmission,
      ...mapping,
    });
    await log.append(await admissionOfVendor());
  }
  await using log = await Log.open(await LevelStore.open(path), { signer, admission: ANY, ...mapping });
  await append(log, { first: 0, end: streams, streams, genuine: false, batch: CHUNK });
}

interface Range {
  readonly first: number;
  readonly end: number;
  readonly streams: number;
  readonly genuine: boolean;
  readonly batch: number;
}

/** Appends statements, and gives the seconds that it took, without those of making them. */
export async function append(log: Log, { first, end, streams, genuine, batch }: Range): Promise<number> {
  let duration = 0;
  for (let at = first; at < end; ) {
    const next = Math.min(end, at + Math.max(batch, CHUNK));
    const statements = await statementsOf(at, next, { streams, genuine });
    duration += await seconds(async () => {
      for (let i = 0; i < statements.length; i += batch) {
        for await (const _ of log.appendAll(statements.slice(i, i + batch)));
      }
    });
    at = next;
  }
  return duration;
}

/** A log of `count` statements in a tenth as many streams, taken unseen; and the seconds that nine tenths of them took. */
export async function filledLog(
  directory: string,
  count: number,
): Promise<{ readonly path: string; readonly appending: number }> {
  const streams = count / 10;
  await prefilled(directory, { indexed: true, streams });
  const path = join(directory, 'log');
  await using log = await Log.open(await LevelStore.open(path), { signer, admission: ANY, mapping: statementMapping });
  return { path, appending: await append(log, { first: streams, end: count, streams, genuine: false, batch: CHUNK }) };
}
