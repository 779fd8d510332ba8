import { CoreError, isKeyName, isNoteText, KEY_NAME_RULE, KEY_TYPE_ED25519, parseVkey } from '@vitrine/core';
import { type Codec, refined, textWhere } from '@vitrine/core/schema';

/** The name of a key. */
export const keyName: Codec<string> = textWhere(isKeyName, `a key name (${KEY_NAME_RULE})`);

/** What names a log: a line of a note, not empty. https://c2sp.org/tlog-checkpoint#note-text */
export const origin: Codec<string> = textWhere(
  (text) => text !== '' && !text.includes('\n') && isNoteText(text),
  'an origin, which is not empty and has no control characters',
);

/** The vkey of an Ed25519 key, type 0x01. */
export const ed25519Vkey: Codec<string> = refined(
  textWhere(() => true, 'a vkey'),
  (text, place) => {
    let type: number;
    try {
      type = parseVkey(text).type;
    } catch (error) {
      if (error instanceof CoreError) throw place.refuse(`is not a vkey: ${error.message}`, error);
      throw error;
    }
    if (type !== KEY_TYPE_ED25519) throw place.refuse('is the vkey of a key that is not of type 0x01');
  },
);
