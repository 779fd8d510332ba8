export type { Admission, DerivedPair, LogView } from './admission.ts';
export { type Appended, AppendedBatch } from './appended.ts';
export type { LogCheckpoint } from './checkpoint-keeper.ts';
export { formatDescription, type LogDescription, parseDescription } from './description.ts';
export {
  makeDirectoryDurably,
  removeUnfinishedFiles,
  type WriteFileOptions,
  writeFileDurably,
} from './durable-file.ts';
export { type Exported, exportTiles, removePartialTiles, tidyExport } from './export-tiles.ts';
export { type FsckOptions, fsck, type OnProgress } from './fsck.ts';
export { BodyBudget, type BodyRefusals, KeptBody, type UnfinishedBody } from './http-body.ts';
export { HttpClient, type HttpOptions } from './http-client.ts';
export { HttpProblem } from './http-problem.ts';
export { fetchDescription, type HttpStoreOptions } from './http-store.ts';
export type { Latest, Proven, ProvenHistory, StreamStatement } from './index-reader.ts';
export { levelFailure } from './level-failure.ts';
export { LevelStore, readDescription } from './level-store.ts';
export { type CreateOptions, Log, type OpenOptions } from './log.ts';
export type { LogReading } from './log-reading.ts';
export { reindex } from './reindex.ts';
export { RemoteLog } from './remote-log.ts';
export { type CreateReplicaOptions, type OpenReplicaOptions, Replica } from './replica.ts';
export { parseRetryAfter } from './retry-after.ts';
export { MAX_COMMIT_BYTES, MAX_COMMIT_ENTRIES } from './sequencer.ts';
export type { BundleSegment, Commit, Head, PublishedCheckpoints, Store, TileSegment } from './store.ts';
