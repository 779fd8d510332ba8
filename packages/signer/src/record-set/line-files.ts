import { readdir, stat } from 'node:fs/promises';
import type { LineSource } from './record-lines.ts';
import { notRegular, openRegular } from './regular-file.ts';

const SLASH = Buffer.from('/');

/**
 * The file at `path`, or all files below the directory there, in the order of the bytes of their paths.
 *
 * @throws SignerError `records-malformed` for anything but regular files and directories: links below `path` are not
 * followed
 */
export async function* lineFiles(path: string): AsyncGenerator<LineSource, void, undefined> {
  if (!(await stat(path)).isDirectory()) {
    yield { name: path, chunks: fileChunks(Buffer.from(path), true) };
    return;
  }
  for (const file of await filesBelow(Buffer.from(path))) yield { name: `${file}`, chunks: fileChunks(file, false) };
}

/** Names are bytes: one that is not UTF-8 must be found again. */
async function filesBelow(root: Buffer): Promise<Buffer[]> {
  const files: Buffer[] = [];
  const directories = [root];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([directory, SLASH, entry.name]);
      if (entry.isDirectory()) directories.push(path);
      else if (entry.isFile()) files.push(path);
      else throw notRegular(path);
    }
  }
  return files.sort(Buffer.compare);
}

async function* fileChunks(path: Buffer, follow: boolean): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await openRegular(path, { follow });
  yield* file.createReadStream({ autoClose: false });
}
