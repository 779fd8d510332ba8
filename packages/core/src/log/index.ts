export { type Appended, AppendedBatch } from './appended.ts';
export { formatDescription, type LogDescription, parseDescription } from './description.ts';
export { type Exported, exportTiles } from './export-tiles.ts';
export { fsck, type OnProgress } from './fsck.ts';
export { LevelStore, readDescription } from './level-store.ts';
export { type CreateOptions, Log, type LogCheckpoint } from './log.ts';
export type { BundleSegment, Commit, Head, PublishedCheckpoints, Store, TileSegment } from './store.ts';
