import { join } from 'node:path';
import { formatIndexProof, formatTlogProof, verifyIndexProof, verifyStream } from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { statementAdmission, statementMapping } from '@vitrine/signer';
import { diskUsage, withDirectory } from '../bench-log.ts';
import { type Case, seconds } from '../measurement.ts';
import { ANY, append, filledLog, mappingOf, prefilled, signer } from '../statement-log.ts';
import { streamName } from '../statements.ts';

const PROOFS = 3000;

interface Kind {
  readonly indexed: boolean;
  /** Whether every statement is judged, its signature verified. */
  readonly judged: boolean;
  readonly streams: number;
  /** Statements that are appended together. */
  readonly batch: number;
}

const statementsPerSecond =
  ({ indexed, judged, streams, batch }: Kind): Case =>
  (count) =>
    withDirectory(async (directory) => {
      await prefilled(directory, { indexed, streams });
      const before = await diskUsage(directory);
      const rules = { admission: judged ? statementAdmission : ANY, ...mappingOf(indexed) };
      let duration = 0;
      {
        await using log = await Log.open(await LevelStore.open(join(directory, 'log')), { signer, ...rules });
        duration = await append(log, { first: streams, end: streams + count, streams, genuine: judged, batch });
      }
      const grown = (await diskUsage(directory)) - before;
      return { entriesPerSecond: count / duration, bytesPerEntry: grown / count };
    });

export const INDEX_STREAMS: readonly number[] = [1, 100, 100_000];
export const INDEX_BATCHES: readonly number[] = [1, 100, 10_000];

export const indexCaseName = ({ indexed, judged, streams, batch }: Kind): string =>
  `index ${indexed} ${judged} ${streams} ${batch}`;

/** Appending statements with an index and without, for each number of streams and size of a batch. */
export const INDEX_CASES: Readonly<Record<string, Case>> = Object.fromEntries(
  [true, false].flatMap((indexed) =>
    [true, false].flatMap((judged) =>
      INDEX_STREAMS.flatMap((streams) =>
        INDEX_BATCHES.map((batch) => {
          const kind = { indexed, judged, streams, batch };
          return [indexCaseName(kind), statementsPerSecond(kind)] as const;
        }),
      ),
    ),
  ),
);

/** Bytes of hashes in a list. */
const bytesOf = (hashes: readonly Uint8Array[]): number => hashes.reduce((sum, hash) => sum + hash.length, 0);

/** Proofs from the index of a log of `count` statements in a tenth as many streams. */
export const indexProofs: Case = (count) =>
  withDirectory(async (directory) => {
    const streams = count / 10;
    const { path, appending } = await filledLog(directory, count);
    const grown = await diskUsage(directory);
    let log!: Log;
    const opening = await seconds(async () => {
      log = await Log.open(await LevelStore.open(path));
    });
    await using reader = log;
    const name = (i: number): { type: string; issuer: string; stream: string } => ({
      type: 'handling',
      issuer: 'bench.example/vendor',
      stream: streamName((i * 7_919_317) % streams),
    });
    const looking = await seconds(async () => {
      for (let i = 0; i < PROOFS; i++) await reader.latest(name(i));
    });
    const proven: Awaited<ReturnType<Log['proveLatest']>>[] = [];
    const proving = await seconds(async () => {
      for (let i = 0; i < PROOFS; i++) proven.push(await reader.proveLatest(name(i)));
    });
    const absent = await reader.proveAbsent({ ...name(0), stream: 'nothing' });
    const { size, root, note } = reader.checkpoint();
    const latest = await Promise.all(
      proven.slice(0, 200).map(async ({ index, claim }, i) => {
        const newest = await reader.latest(name(i));
        const entry = await reader.entry(newest!.index);
        const proof = { type: 'stream', ...claim, entries: [entry] } as const;
        const extra = formatIndexProof(proof);
        const file = formatTlogProof({ extra, index: size - 1, proof: index.proof, checkpoint: note });
        return {
          proof,
          inclusion: index.proof,
          // What the decision needs, in binary: hashes, the record, and the statement left out.
          bytes: formatIndexProof({ ...proof, entries: [] }).length + bytesOf(index.proof),
          file: file.length - note.length,
          statement: entry.length,
        };
      }),
    );
    const verifying = await seconds(() => {
      for (const { proof, inclusion } of latest) {
        verifyIndexProof({ proof, index: size - 1, inclusion, size, root, mapping: statementMapping });
      }
    });
    const verifyingRecord = await seconds(() => {
      for (const { claim } of proven) verifyStream(claim);
    });
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      entriesPerSecond: (count - streams) / appending,
      bytesPerEntry: grown / count,
      openMilliseconds: opening * 1000,
      latestPerSecond: PROOFS / looking,
      proofsPerSecond: PROOFS / proving,
      verificationsPerSecond: latest.length / verifying,
      recordVerificationsPerSecond: PROOFS / verifyingRecord,
      latestBytes: mean(latest.map(({ bytes }) => bytes)),
      latestFileBytes: mean(latest.map(({ file }) => file)),
      statementBytes: mean(latest.map(({ statement }) => statement)),
      siblings: mean(proven.map(({ claim }) => claim.proof.siblings.length)),
      absentBytes:
        formatIndexProof({ type: 'stream', ...absent.claim, entries: [] }).length + bytesOf(absent.index.proof),
    };
  });
