// What would be published: publint and attw look at a packed tarball of each package that is not private.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const directory = mkdtempSync(join(tmpdir(), 'vitrine-packages-'));
try {
  for (const name of readdirSync('packages')) {
    const manifest = JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8'));
    if (manifest.private === true) continue;
    console.log(`\n${manifest.name}`);
    execFileSync(npx, ['publint', '--strict', join('packages', name)], { stdio: 'inherit' });
    // The command has no exports to be resolved.
    if (manifest.exports === undefined) continue;
    const [packed] = JSON.parse(
      execFileSync(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], {
        cwd: join('packages', name),
        encoding: 'utf8',
      }),
    );
    execFileSync(npx, ['attw', '--profile', 'esm-only', join(directory, packed.filename)], { stdio: 'inherit' });
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
