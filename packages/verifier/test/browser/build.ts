import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = new URL('../../../../', import.meta.url);

/** Builds the browser build, as it is published, into a new directory, and puts the example of docs/verifying.md beside it. */
export function buildForBrowsers(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-browser-'));
  execFileSync(process.execPath, [fileURLToPath(new URL('.ci/build-browser.js', repository)), directory]);
  const [, example] = /```js\n([\s\S]+?)```/.exec(readFileSync(new URL('docs/verifying.md', repository), 'utf8'))!;
  writeFileSync(join(directory, 'example.js'), example!);
  return directory;
}
