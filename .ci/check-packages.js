// What would be published: publint and attw look at a packed tarball of each package that is not private; and the command is
// installed from those tarballs, away from here, and makes a log.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const directory = mkdtempSync(join(tmpdir(), 'vitrine-packages-'));
const tarballs = [];
try {
  for (const name of readdirSync('packages')) {
    const manifest = JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8'));
    if (manifest.private === true) continue;
    console.log(`\n${manifest.name}`);
    execFileSync(npx, ['publint', '--strict', join('packages', name)], { stdio: 'inherit' });
    const [packed] = JSON.parse(
      execFileSync(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], {
        cwd: join('packages', name),
        encoding: 'utf8',
      }),
    );
    const tarball = join(directory, packed.filename);
    tarballs.push(tarball);
    // The command has no exports to be resolved.
    if (manifest.exports === undefined) continue;
    execFileSync(npx, ['attw', '--profile', 'esm-only', tarball], { stdio: 'inherit' });
  }
  console.log('\nvitrine, installed from its package');
  writeFileSync(join(directory, 'package.json'), '{ "private": true }');
  const options = {
    cwd: directory,
    stdio: 'inherit',
    env: { ...process.env, XDG_CONFIG_HOME: join(directory, 'config') },
  };
  execFileSync(npm, ['install', '--omit=dev', '--no-audit', '--no-fund', ...tarballs], options);
  for (const args of [['--version'], ['init', 'log', '--origin', 'vendor.example/log'], ['ls', '--log', 'log']]) {
    execFileSync(npx, ['vitrine', ...args], options);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
