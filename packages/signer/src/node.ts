export type { ArchiveMember, MemberType } from './artifact-diff/archive-member.ts';
export {
  type ArchiveComparison,
  type CompareArchivesOptions,
  compareArchives,
  type HeaderDifference,
  type MemberAspect,
  type MemberDifference,
  type NotComparable,
} from './artifact-diff/compare-archives.ts';
export type { ArchiveFormat } from './artifact-diff/read-archive.ts';
export {
  formatKeyFile,
  type KeyFileOptions,
  keyFileSigner,
  MAX_KEY_FILE_SIZE,
  openKeyFile,
  privateKeySigner,
} from './keys/key-file.ts';
export { type ProgramSignerOptions, programSigner } from './keys/signer-program.ts';
export { type SshAgentOptions, sshAgentSigner } from './keys/ssh-agent.ts';
export { sshVerifierKey } from './keys/ssh-public-key.ts';
export type { StatementSigner } from './keys/statement-signer.ts';
export { readRecords } from './record-set/read-records.ts';
export { MAX_RECORD_SIZE } from './record-set/record-lines.ts';
export { RecordSet } from './record-set/record-set.ts';
export { MAX_SOURCE_FILES } from './source-tree/listing.ts';
export { readDirectoryTree } from './source-tree/read-directory.ts';
export { GitSourceTree, isGitRevision, type ReadGitOptions, readGitTree } from './source-tree/read-git.ts';
export type { ReadTreeOptions, SourceProgress } from './source-tree/read-options.ts';
export { SourceTree } from './source-tree/source-tree.ts';
