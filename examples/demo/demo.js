// The whole way in one minute: a log is made, real files are logged, proven, and verified without the log.
// Run it with `npm run demo`. Everything happens in a temporary directory, which is removed at the end.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const command = join(repository, 'packages', 'cli', 'bin', 'vitrine.js');
const work = mkdtempSync(join(tmpdir(), 'vitrine-demo-'));
const releases = join(work, 'releases');
const customer = join(work, 'customer');

const say = (text) => console.log(`\n${text}\n`);

/** Runs vitrine in the temporary directory, shows the command line and what it printed, and checks its exit status. */
function vitrine(args, { expected = 0, show = true, input } = {}) {
  // Keys go where VITRINE finds them, which in a demonstration is not your home directory.
  const env = { ...process.env, XDG_CONFIG_HOME: join(work, 'config'), NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    cwd: work,
    env,
    encoding: 'utf8',
    input,
  });
  console.log(`  $ vitrine ${args.join(' ')}`);
  const output = show ? `${stdout}${stderr}` : stderr;
  for (const line of output.trimEnd().split('\n')) if (line !== '') console.log(`    ${line}`);
  if (status !== expected) throw new Error(`vitrine ended with status ${status}, expected ${expected}\n${stderr}`);
  return stdout;
}

try {
  mkdirSync(releases);
  mkdirSync(customer);

  say('1. A vendor has releases. Here they are the packages of this repository, packed by npm.');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  execFileSync(npm, ['pack', '--workspaces', '--ignore-scripts', '--silent', '--pack-destination', releases], {
    cwd: repository,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const tarballs = readdirSync(releases).sort();
  for (const name of tarballs) console.log(`  ${name}`);

  say('2. The vendor makes a log. Its keys go into the configuration directory, and a policy says whom to believe.');
  const policy = vitrine(['init', '--raw', 'log', '--origin', 'vendor.example/releases'], { show: false });
  writeFileSync(join(customer, 'policy'), policy);

  say('3. Each release is appended before it ships. Once an index is printed, it survives a power cut.');
  const [first, ...others] = tarballs.map((name) => relative(work, join(releases, name)));
  vitrine(['add', first, '--log', 'log']);
  writeFileSync(join(customer, 'seen'), vitrine(['checkpoint', '--log', 'log']));
  vitrine(['add', ...others, '--log', 'log']);

  say('4. A proof is made for one release, and goes to the customer beside it.');
  const shipped = basename(others.at(-1));
  copyFileSync(join(releases, shipped), join(customer, shipped));
  const proof = `customer/${shipped}.tlog-proof`;
  vitrine(['prove', 'inclusion', `releases/${shipped}`, '--log', 'log', '--out', proof]);

  say('5. So does a proof that the log only grew since the customer last looked at it.');
  vitrine(['prove', 'consistency', '1', '--log', 'log', '--out', 'customer/growth']);

  say('6. The log is taken away. The customer verifies with three files: the release, its proof and the policy.');
  renameSync(join(work, 'log'), join(work, 'gone'));
  vitrine(['verify', `customer/${shipped}`, '--policy', 'customer/policy']);
  vitrine(['verify', '--consistency', 'customer/growth', '--from', 'customer/seen', '--policy', 'customer/policy']);

  say('7. Somebody changes one bit of the release. It is not what was logged, and is refused with status 1.');
  const bytes = readFileSync(join(customer, shipped));
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(join(customer, shipped), bytes);
  vitrine(['verify', `customer/${shipped}`, '--policy', 'customer/policy'], { expected: 1 });

  say(
    [
      'What happened: the vendor committed to the exact bytes of each release in a public, append-only order, and',
      'signed it. The customer checked that its copy is one of them without asking anybody. A vendor who wants to give',
      'one customer another build must now log that build too, where everybody sees it, or show that customer another',
      'log. Against the second there are witnesses, who sign only one history; this log has none yet, which is why the',
      'results say "unwitnessed".',
    ].join('\n'),
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
