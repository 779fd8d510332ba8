export { type Appended, AppendedBatch } from './appended.ts';
export type { LogCheckpoint } from './checkpoint-keeper.ts';
export { formatDescription, type LogDescription, parseDescription } from './description.ts';
export { type WriteFileOptions, writeFileDurably } from './durable-file.ts';
export { type Exported, exportTiles } from './export-tiles.ts';
export { fsck, type OnProgress } from './fsck.ts';
export { LevelStore, readDescription } from './level-store.ts';
export { type CreateOptions, Log } from './log.ts';
export type { BundleSegment, Commit, Head, PublishedCheckpoints, Store, TileSegment } from './store.ts';
