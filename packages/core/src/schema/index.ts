export { streamNameCodec, streamRecordCodec } from '../log-index/stream.ts';
export { subjectRecordCodec } from '../log-index/subject.ts';
export { prefixProofCodec } from '../prefix/prefix-proof-codec.ts';
export { type Codec, nullable, refined, scalar } from './codec.ts';
export { list, sortedList } from './list.ts';
export { Place, type Refuse } from './place.ts';
export { keyed, type OptionalField, optional, record } from './record.ts';
export {
  anyText,
  boolean,
  hash,
  identifier,
  keyId,
  octets,
  octetsUpTo,
  oneOf,
  onlyTrue,
  text,
  textWhere,
  unsigned,
} from './scalars.ts';
export { tuple } from './tuple.ts';
export { versionOf } from './version.ts';
