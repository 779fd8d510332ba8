import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SignerError } from '../error.ts';

/**
 * Opens a regular file to read it.
 *
 * @throws SignerError `records-malformed` for anything else
 */
export async function openRegular(path: string | Buffer, { follow }: { follow: boolean }): Promise<FileHandle> {
  // Opening a named pipe would wait for its other end.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW));
  try {
    if (!(await file.stat()).isFile()) throw notRegular(path);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What is refused because a database is made of regular files. */
export function notRegular(path: string | Buffer): SignerError {
  return new SignerError('records-malformed', `${path} is not a regular file`);
}
