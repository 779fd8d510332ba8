import { type StreamName, streamPreimage } from './stream.ts';
import { type SubjectWord, subjectPreimage } from './subject.ts';

/**
 * What an entry is to the index: one more statement of a stream, or somebody's newest word about another leaf.
 */
export type Indexed =
  | { readonly kind: 'stream'; readonly stream: StreamName }
  | {
      readonly kind: 'subject';
      /** The leaf hash that it speaks of. */
      readonly subject: Uint8Array;
      readonly word: SubjectWord;
    };

/**
 * Says what an entry is to the index; undefined if it is nothing. A pure function of the entry's bytes, so that everybody who
 * has the entries derives the same index: it looks at no signature, no key and no other entry.
 *
 * @param entry not to be changed
 */
export type IndexMapping = (entry: Uint8Array) => Indexed | undefined;

/** What the key in the index is the hash of, to which an entry belongs. */
export function preimageOf(indexed: Indexed): Uint8Array {
  return indexed.kind === 'stream' ? streamPreimage(indexed.stream) : subjectPreimage(indexed.subject);
}
