// Runs on `npm ci` and `npm install`. Builds when the compiler is there, so that `npm ci --omit=dev` works as well.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('node_modules/typescript/bin/tsc')) {
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
