import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { encodeUtf8 } from './text.ts';

/**
 * The text of a note in the forms that signatures cover. Each is made when it is first asked for, and once: a note has up
 * to 64 signatures, over up to 1 MiB of text.
 */
export class NoteText {
  readonly text: string;
  #bytes: Uint8Array | undefined;
  #checkpoint: Checkpoint | undefined;

  /** @param text with its final newline */
  constructor(text: string) {
    this.text = text;
  }

  /** The text in UTF-8. Not to be changed. */
  get bytes(): Uint8Array {
    this.#bytes ??= encodeUtf8(this.text);
    return this.#bytes;
  }

  /** What the text says as a checkpoint, in which an empty tree may have any root. @throws CoreError `checkpoint-malformed` if it is none */
  get checkpoint(): Checkpoint {
    this.#checkpoint ??= readCheckpoint(this.text);
    return this.#checkpoint;
  }
}
