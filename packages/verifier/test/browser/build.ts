import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Builds the browser build, as it is published, into a new directory. */
export function buildForBrowsers(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-browser-'));
  const script = fileURLToPath(new URL('../../../../.ci/build-browser.js', import.meta.url));
  execFileSync(process.execPath, [script, directory]);
  return directory;
}
