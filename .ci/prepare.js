// Runs on `npm ci` and `npm install`. Builds when the compiler is there, so that `npm ci --omit=dev` works as well.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('node_modules/typescript/bin/tsc')) {
  for (const build of ['node_modules/typescript/bin/tsc -b', '.ci/build-browser.js', '.ci/build-command.js']) {
    const { status } = spawnSync(process.execPath, build.split(' '), { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
