// A whole deployment on one machine: a log, three witnesses, an index-checking mirror, a directory that is kept up to date, and
// nginx in front of it. README.md says how it is run; a test takes it apart. Each process is one that could run elsewhere.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { streamKey } from '@vitrine/core';
import { nginxConfiguration } from './nginx.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const command = join(repository, 'packages', 'cli', 'bin', 'vitrine.js');
const agent = join(repository, 'examples', 'agent', 'agent.js');

export const ORIGIN = 'acme.example/log';
export const VENDOR = 'acme.example/releases';
export const STREAM = 'acme-daily';
export const FILE = 'rules.db';

/** Which key each witness has; the post-quantum one is as much a witness as the others. */
const WITNESSES = { north: 'ed25519-cosignature', south: 'ed25519-cosignature', east: 'ml-dsa-44' };

/** Everything that runs, and the directory with all that it keeps. */
export class Deployment {
  /** @param directory an empty one, or one of a deployment that was stopped */
  constructor(directory) {
    this.directory = directory;
    /** What runs, by its name. */
    this.processes = new Map();
    /** The port of each, so that what is started again is found where it was. */
    this.ports = new Map();
  }

  path(...parts) {
    return join(this.directory, ...parts);
  }

  url(name) {
    return `http://127.0.0.1:${this.ports.get(name)}`;
  }

  /** Runs a command to its end, and gives what it printed. */
  vitrine(args, { input } = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
      cwd: this.directory,
      env: this.env,
      encoding: 'utf8',
      input,
    });
    if (status !== 0) throw new Error(`vitrine ${args.join(' ')} ended with status ${status}\n${stderr}`);
    return stdout;
  }

  // Keys go where vitrine finds them, which is not your home directory.
  get env() {
    return { ...process.env, XDG_CONFIG_HOME: this.path('config'), NO_COLOR: '1', no_proxy: '127.0.0.1' };
  }

  /** Makes keys, the log and the files that say who trusts whom. */
  async create() {
    mkdirSync(this.directory, { recursive: true });
    // Started by root, nginx reads as somebody else. Keys are their owner's alone all the same.
    chmodSync(this.directory, 0o755);
    for (const name of [...Object.keys(WITNESSES), 'log', 'mirror', 'nginx']) this.ports.set(name, await freePort());
    writeFileSync(this.path('ports.json'), JSON.stringify([...this.ports]));

    const logPolicy = this.vitrine(['init', 'log', '--origin', ORIGIN]);
    writeFileSync(this.path('log.policy'), logPolicy);
    for (const [name, type] of Object.entries(WITNESSES)) this.generate(name, `${name}.example/witness`, type);
    this.generate('mirror', 'mirror.example/copy', 'ed25519-cosignature');
    this.generate('index', 'mirror.example/index', 'ed25519-cosignature');
    this.generate('vendor', VENDOR, 'ed25519');
    this.vitrine(['admit', 'add', 'vendor.vkey', '--role', 'vendor', '--log', 'log']);

    const log = logPolicy.split('\n').filter((line) => line.startsWith('log '));
    const witnesses = [
      ...Object.keys(WITNESSES).map((name) => `witness ${name} ${this.vkey(name)} ${this.url(name)}`),
      `witness index ${this.vkey('index')} ${this.url('mirror')}`,
    ];
    const quorum = [
      `group witnesses 2 ${Object.keys(WITNESSES).join(' ')}`,
      'group indexers any index',
      'group everybody all witnesses indexers',
      'quorum everybody',
    ];
    // What the log gathers, and agents ask for. An agent needs no URLs, and does no harm by having them.
    const policy = [...log, ...witnesses, ...quorum];
    writeFileSync(this.path('policy'), `${policy.join('\n')}\n`);
    const rules = [
      `indexed ${ORIGIN}`,
      `signer acme ${this.vkey('vendor')}`,
      `release ${STREAM} signed-by acme max-age 1h latest indexed-by indexers`,
    ];
    writeFileSync(this.path('trust'), `${[...policy, ...rules].join('\n')}\n`);
  }

  /** Takes up a deployment that was made before. */
  static open(directory) {
    const deployment = new Deployment(directory);
    deployment.ports = new Map(JSON.parse(readFileSync(deployment.path('ports.json'), 'utf8')));
    return deployment;
  }

  generate(name, keyName, type) {
    const vkey = this.vitrine(['key', 'generate', keyName, '--type', type, '--out', `${name}.key`]);
    writeFileSync(this.path(`${name}.vkey`), vkey);
  }

  vkey(name) {
    return readFileSync(this.path(`${name}.vkey`), 'utf8').trim();
  }

  /** The file of the newest release of a database, in what is exported. */
  headOf(stream) {
    const key = streamKey({ type: 'database', issuer: VENDOR, stream });
    return `${Buffer.from(key).toString('hex')}.vitrine`;
  }

  /** Releases the next version of the database, and puts it where nginx serves it: its bundle is the head of its stream. */
  release(content) {
    writeFileSync(this.path('downloads', FILE), content);
    return this.vitrine([
      ...['release', 'database', `downloads/${FILE}`, '--name', STREAM, '--next'],
      ...['--key', 'vendor.key', '--log', this.url('log')],
    ]);
  }

  /** Has an agent look for the newest release, and gives its status and what it said. */
  update() {
    mkdirSync(this.path('installed'), { recursive: true });
    const from = ['--from', `${this.url('nginx')}/downloads/`, '--into', 'installed'];
    const what = ['--trust', 'trust', '--stream', STREAM, '--name', FILE];
    const { status, stdout, stderr } = spawnSync(process.execPath, [agent, ...what, ...from], {
      cwd: this.directory,
      encoding: 'utf8',
    });
    return { status, output: `${stdout}${stderr}` };
  }

  /** Starts all of it; what is up already stays. */
  async start() {
    mkdirSync(this.path('downloads'), { recursive: true });
    for (const name of Object.keys(WITNESSES)) await this.startWitness(name);
    await this.startMirror();
    await this.startLog();
    await this.startExport();
    await this.startNginx();
  }

  startWitness(name) {
    mkdirSync(this.path(`${name}.state`), { recursive: true });
    const files = ['--key', `${name}.key`, '--policy', 'log.policy', '--state', `${name}.state`];
    return this.serve(name, ['witness', 'serve', ...files]);
  }

  startMirror() {
    const keys = ['--key', 'mirror.key', '--check-index', '--index-key', 'index.key'];
    const from = ['--pull', this.url('log'), '--policy', 'log.policy', '--interval', '1'];
    return this.serve('mirror', ['mirror', 'serve', 'copy', ...keys, ...from]);
  }

  startLog() {
    return this.serve('log', ['serve', '--log', 'log', '--policy', 'policy']);
  }

  async startExport() {
    if (this.processes.has('export')) return;
    this.spawn('export', process.execPath, [command, 'export', 'public', '--log', this.url('log'), '--follow']);
    await until(() => existsSync(this.path('public', 'checkpoint')), 'the first export');
  }

  async startNginx() {
    mkdirSync(this.path('nginx'), { recursive: true });
    const heads = { [FILE]: this.headOf(STREAM) };
    const configuration = nginxConfiguration({ directory: this.directory, port: this.ports.get('nginx'), heads });
    writeFileSync(this.path('nginx', 'nginx.conf'), configuration);
    this.spawn('nginx', 'nginx', ['-c', this.path('nginx', 'nginx.conf'), '-p', this.path('nginx')]);
    await until(() => answers(`${this.url('nginx')}/checkpoint`), 'nginx');
  }

  /** Starts a server, and waits until it answers. */
  async serve(name, args) {
    if (this.processes.has(name)) return;
    const listen = ['--listen', `127.0.0.1:${this.ports.get(name)}`];
    this.spawn(name, process.execPath, [command, ...args, ...listen]);
    await until(() => answers(`${this.url(name)}/healthz`), name, this.processes.get(name));
  }

  spawn(name, program, args) {
    appendFileSync(this.path(`${name}.log`), '');
    const log = openSync(this.path(`${name}.log`), 'a');
    const child = spawn(program, args, { cwd: this.directory, env: this.env, stdio: ['ignore', log, log] });
    this.processes.set(name, child);
    child.once('exit', () => {
      if (this.processes.get(name) === child) this.processes.delete(name);
    });
  }

  /** Ends one process, as a power cut would or as an operator does, and waits until it is gone. */
  async end(name, signal = 'SIGTERM') {
    const child = this.processes.get(name);
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async stop() {
    for (const name of [...this.processes.keys()].reverse()) await this.end(name);
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url) {
  const response = await fetch(url).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ?? false;
}

/** Waits until something holds. @throws Error after two minutes, or once the process that it is about has ended */
export async function until(holds, what, child) {
  const end = performance.now() + 120_000;
  while (performance.now() < end) {
    if (await holds()) return;
    if (child !== undefined && child.exitCode !== null) throw new Error(`${what} ended: its log says why`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} is not there after two minutes`);
}
