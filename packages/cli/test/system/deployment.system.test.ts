import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ed25519Signer, formatBase64, leafHash, parsePrivateKey, parseVkey, type VerifierKey } from '@vitrine/core';
import { HttpClient, RemoteLog } from '@vitrine/core/log';
import { signStatement } from '@vitrine/signer';
import { expect, onTestFinished, test } from 'vitest';
import { Deployment, ORIGIN, until } from '../../../../examples/deployment/deployment.js';

// What people start with examples/deployment/start.js, taken apart under load.

const ENTRIES = Number(process.env['DEPLOYMENT_ENTRIES'] ?? 800);
const CLIENTS = 8;

/** Statements of a vendor, each of a stream of its own. */
async function statements(deployment: Deployment): Promise<Uint8Array[]> {
  const signer = ed25519Signer(parsePrivateKey(readFileSync(deployment.path('vendor.key'), 'utf8').trim()));
  const artifacts = [{ name: 'a', size: 1, sha256: new Uint8Array(32).fill(1) }];
  return Promise.all(
    Array.from({ length: ENTRIES }, (_, i) =>
      signStatement(
        { type: 'database', name: `load-${i}`, sequence: 1, artifacts },
        { signer, audience: ORIGIN, issuedAt: 1_700_000_000 },
      ),
    ),
  );
}

/** Appends all of them, each again until it is acknowledged: what the server does meanwhile is its own affair. */
class Load {
  /** Leaf indices, by leaf hash. */
  readonly acknowledged = new Map<string, number>();
  readonly done: Promise<unknown>;

  constructor(url: string, entries: readonly Uint8Array[]) {
    const rest = [...entries];
    const client = async (): Promise<void> => {
      for (let entry = rest.pop(); entry !== undefined; entry = rest.pop()) {
        const name = formatBase64(leafHash(entry));
        for (let index: number | undefined; index === undefined; ) {
          index = await add(url, entry);
          if (index === undefined) await sleep(200);
          else this.acknowledged.set(name, index);
        }
      }
    };
    this.done = Promise.all(Array.from({ length: CLIENTS }, client));
  }

  async reaches(share: number): Promise<void> {
    await until(() => this.acknowledged.size >= share * ENTRIES, `${share * 100} % of the load`);
  }
}

async function add(url: string, entry: Uint8Array): Promise<number | undefined> {
  const response = await fetch(`${url}/add`, { method: 'POST', body: new Uint8Array(entry) }).catch(() => undefined);
  const text = await response?.text().catch(() => undefined);
  return response?.status === 200 && text !== undefined ? Number(text.trimEnd()) : undefined;
}

test('whatever is killed, what was acknowledged is in the log, in the mirror and in the static tree, under one root', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-deployment-'));
  const deployment = new Deployment(directory);
  onTestFinished(async () => {
    await deployment.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  await deployment.create();
  await deployment.start();

  deployment.release('release 1\n');
  await until(() => deployment.update().status === 0, 'the first release');
  expect(readFileSync(deployment.path('installed', 'current', 'rules.db'), 'utf8')).toBe('release 1\n');

  const load = new Load(deployment.url('log'), await statements(deployment));
  await load.reaches(0.1);
  await deployment.end('north', 'SIGKILL');
  await load.reaches(0.25);
  await deployment.end('mirror', 'SIGKILL');
  await load.reaches(0.4);
  // In mid-copy: it has begun again, and is behind.
  await deployment.startMirror();
  await deployment.end('mirror', 'SIGKILL');
  await load.reaches(0.5);
  await deployment.startMirror();
  await deployment.startWitness('north');
  await load.reaches(0.6);
  await deployment.end('log', 'SIGKILL');
  await deployment.startLog();
  await load.reaches(0.8);
  await deployment.end('export', 'SIGKILL');
  await deployment.startExport();
  await load.done;
  expect(load.acknowledged.size).toBe(ENTRIES);

  const [, vkey] = /^log (\S+)$/m.exec(readFileSync(deployment.path('log.policy'), 'utf8'))!;
  const key = parseVkey(vkey!);
  const last = Math.max(...load.acknowledged.values());
  const logs: RemoteLog[] = [];
  for (const name of ['log', 'mirror', 'nginx']) logs.push(await whole(deployment.url(name), key, last));
  const size = Math.min(...logs.map((log) => log.size));
  const roots = await Promise.all(
    logs.map(async (log) => formatBase64((await log.proveConsistency(size, log.size)).oldRoot)),
  );
  expect(new Set(roots).size).toBe(1);
  for (const log of logs) {
    let index = 0;
    const found = new Map<string, number>();
    for await (const entry of log.entries()) found.set(formatBase64(leafHash(entry)), index++);
    for (const [name, at] of load.acknowledged) expect(found.get(name)).toBe(at);
  }

  // All witnesses are up to date again, the agents too.
  const status = (): string =>
    deployment.vitrine(['witness', 'status', '--policy', 'policy', '--log', deployment.url('log'), '--json']);
  await until(() => status().match(/"behind":0/g)?.length === 4, 'the witnesses');
  deployment.release('release 2\n');
  await until(
    () => /installed|newest/.test(deployment.update().output) && installed(deployment) === 'release 2\n',
    'release 2',
  );
}, 600_000);

const installed = (deployment: Deployment): string =>
  readFileSync(deployment.path('installed', 'current', 'rules.db'), 'utf8');

/** A log as it is read at a URL, once its published checkpoint has a leaf. */
async function whole(url: string, key: VerifierKey, leaf: number): Promise<RemoteLog> {
  const client = new HttpClient(url, { fetch });
  await until(async () => {
    const response = await fetch(`${url}/checkpoint`).catch(() => undefined);
    const [, size] = (await response?.text())?.split('\n') ?? [];
    return Number(size) > leaf;
  }, `leaf ${leaf} at ${url}`);
  return RemoteLog.open(client, { key });
}
