import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { formatBundle, formatTilePath } from '@vitrine/core';
import autocannon from 'autocannon';
import { BenchServer, canPin } from './http-server.ts';

// Prints; asserts nothing. `npm run bench:http`, with `-- --seconds 600` for longer and `-- --only "/add, 1,000"` for one part.
const args = process.argv.slice(2);
const optionOf = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const SECONDS = Number(optionOf('--seconds') ?? 10);
const ONLY = optionOf('--only');

const ENTRY_SIZE = 200;
const BATCH = 1000;
/** What is read from. */
const FILLED = 256 * 256;
const MEMORY_INTERVAL = 5000;

type Requests = Parameters<typeof autocannon>[0]['requests'];

interface Case {
  readonly name: string;
  readonly clients: number;
  readonly requests: Requests;
  /** Entries, or tiles, in one request. */
  readonly items?: number;
  /** Entries that the log has before. */
  readonly filled?: number;
}

let number = 0;
const nextEntry = (): string => `entry ${number++} `.padEnd(ENTRY_SIZE, '.');
const batchOf = (count: number): Buffer =>
  Buffer.from(formatBundle(Array.from({ length: count }, () => new TextEncoder().encode(nextEntry()))));

const adding: Requests = [
  { method: 'POST', path: '/add', setupRequest: (request) => ({ ...request, body: nextEntry() }) },
];
const batches: Requests = [
  { method: 'POST', path: '/add-batch', setupRequest: (request) => ({ ...request, body: batchOf(BATCH) }) },
];
const reading = (level: 0 | 'entries', headers: Record<string, string> = {}): Requests =>
  Array.from({ length: FILLED / 256 }, (_, index) => ({
    path: `/${formatTilePath({ level, index, width: 256 })}`,
    headers,
  }));

const CASES: readonly Case[] = [
  { name: '/add, 1 client', clients: 1, requests: adding },
  { name: '/add, 64 clients', clients: 64, requests: adding },
  { name: '/add, 1,000 clients', clients: 1000, requests: adding },
  { name: `/add-batch of ${BATCH}, 4 clients`, clients: 4, requests: batches, items: BATCH },
  { name: 'tiles of hashes, 64 clients', clients: 64, requests: reading(0), filled: FILLED },
  {
    name: 'bundles, compressed, 64 clients',
    clients: 64,
    requests: reading('entries', { 'accept-encoding': 'gzip' }),
    filled: FILLED,
  },
  { name: 'checkpoint, 64 clients', clients: 64, requests: [{ path: '/checkpoint' }], filled: FILLED },
];

async function measure({ name, clients, requests, items = 1, filled = 0 }: Case): Promise<void> {
  await using server = await BenchServer.start();
  for (let done = 0; done < filled; done += 4096) {
    await fetch(`${server.url}/add-batch`, { method: 'POST', body: batchOf(4096) });
  }
  const run = (duration: number): ReturnType<typeof autocannon> =>
    autocannon({ url: server.url, connections: clients, duration, requests, timeout: 30 });
  // Until the code is compiled.
  await run(2);
  const memory = [await server.memory()];
  const timer = setInterval(async () => memory.push(await server.memory()), MEMORY_INTERVAL);
  const result = await run(SECONDS);
  clearInterval(timer);
  memory.push(await server.memory());
  const { latency } = result;
  row(
    name,
    format(result.requests.total / result.duration),
    format((result.requests.total * items) / result.duration),
    ...[latency.p50, latency.p99, latency.p99_9].map((milliseconds) => format(milliseconds)),
    [memory[0]!, Math.max(...memory), memory.at(-1)!].map((bytes) => format(bytes / 1e6)).join(' '),
  );
  if (result.non2xx > 0 || result.errors > 0)
    console.log(`  of these ${result.non2xx} refused, ${result.errors} failed`);
}

const format = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });

function row(label: string, ...cells: string[]): void {
  console.log(`| ${label.padEnd(32)} | ${cells.map((cell) => cell.padStart(12)).join(' | ')} |`);
}

if (canPin) execFileSync('taskset', ['-cp', '1', String(process.pid)], { stdio: 'ignore' });
const machine = `${cpus().length} x ${cpus()[0]?.model}, ${format(totalmem() / 1e9)} GB`;
console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${machine}`);
console.log(
  `${SECONDS} s each; the server ${canPin ? 'on one core, the load on another' : 'and the load share all cores'}\n`,
);
row('', 'requests/s', 'items/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'MB: start, most, end');
row('---', '---', '---', '---', '---', '---', '---');
for (const one of CASES) if (ONLY === undefined || one.name.includes(ONLY)) await measure(one);
