import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreError } from '@vitrine/core';

/** In the directory of a log or of a witness: the URL at which it is served. What a server left that was killed harms nobody. */
const SERVED_FILE = 'served';
const URL_LINE = /^(https?:\/\/[\x21-\x7e]{1,200})\n$/;

/** Says where what is in a directory is served, as long as nobody calls what this gives. */
export async function announce(directory: string, url: string): Promise<() => Promise<void>> {
  const { writeFileDurably } = await import('@vitrine/core/log');
  const path = join(directory, SERVED_FILE);
  await writeFileDurably(path, new TextEncoder().encode(`${url}\n`));
  return () => rm(path, { force: true });
}

/** Where what is in a directory is served; undefined if nobody has said so. */
export async function servedAt(directory: string): Promise<string | undefined> {
  return URL_LINE.exec(await readFile(join(directory, SERVED_FILE), 'utf8').catch(() => ''))?.[1];
}

/** Where the log that another process has open is served; the error as it is if nobody has said so. */
export async function lockedBy(directory: string, error: CoreError): Promise<CoreError> {
  const url = await servedAt(directory);
  if (url === undefined) return error;
  const message = `${directory} is open in another process, a server of it: name the log with --log ${url}`;
  return new CoreError(error.code, message, { cause: error });
}
