// Starts a whole deployment, releases something, has an agent install it, and runs until Ctrl-C.
// node examples/deployment/start.js [directory]

import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Deployment, until } from './deployment.js';

const directory = resolve(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'vitrine-deployment-')));
const isThere = existsSync(join(directory, 'ports.json'));
const deployment = isThere ? Deployment.open(directory) : new Deployment(directory);
const stopped = new Promise((done) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, done);
});

try {
  if (!isThere) {
    console.log(`making keys and a log in ${directory}`);
    await deployment.create();
  }
  console.log('starting three witnesses, a mirror, the log, an export and nginx');
  await deployment.start();
  for (const name of deployment.ports.keys()) console.log(`  ${name.padEnd(8)} ${deployment.url(name)}`);
  if (!isThere) {
    console.log('releasing a signature database');
    process.stdout.write(deployment.release('one rule\n'));
    await until(() => deployment.update().status === 0, 'the first release');
    process.stdout.write(deployment.update().output);
  }
  process.stdout.write(deployment.vitrine(['witness', 'status', '--policy', 'policy', '--log', deployment.url('log')]));
  console.log(`running; what each process says is in ${directory}/<name>.log. Ctrl-C stops all of them`);
  await stopped;
} finally {
  console.log('stopping');
  await deployment.stop();
}
