import { isNoteText } from './text.ts';

/**
 * Whether `name` can be a key name: not empty, valid in a note, without Unicode spaces and plus signs.
 * https://c2sp.org/signed-note#format
 */
export function isKeyName(name: string): boolean {
  return name !== '' && isNoteText(name) && !/[\p{White_Space}+]/u.test(name);
}

/** What {@link isKeyName} demands, for error messages. */
export const KEY_NAME_RULE = 'a key name is not empty and has no spaces, plus signs and control characters';
