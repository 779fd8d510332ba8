import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { formatBundle } from '@vitrine/core';
import { BenchServer, canPin } from './http-server.ts';
import { type Answered, hasWrk, load } from './wrk.ts';

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

interface Case {
  readonly name: string;
  readonly clients: number;
  /** See {@link load}. */
  readonly request: string;
  /** Entries, or tiles, in one request. */
  readonly items?: number;
  /** Entries that the log has before. */
  readonly filled?: number;
  /** Of a server that does nothing else. */
  readonly isBare?: boolean;
}

const entry = (number: string): string =>
  `local entry = string.format("entry %d %d ", run, ${number}); entry = entry .. string.rep(".", ${ENTRY_SIZE} - #entry)`;
const adding = `${entry('n')}; return wrk.format("POST", "/add", nil, entry)`;
const addingBatch = `local entries = {}
  for i = 1, ${BATCH} do
    ${entry(`n * ${BATCH} + i`)}
    entries[i] = "\\0\\${ENTRY_SIZE}" .. entry
  end
  return wrk.format("POST", "/add-batch", nil, table.concat(entries))`;
const reading = (level: string, headers = 'nil'): string =>
  `return wrk.format("GET", string.format("/tile/${level}/%03d", n % ${FILLED / 256}), ${headers})`;
const asking = (path: string): string => `return wrk.format("GET", "${path}")`;

const CASES: readonly Case[] = [
  { name: 'floor: node:http, POST, 1,000', clients: 1000, request: adding, isBare: true },
  { name: 'floor: node:http, 8 kB, 64', clients: 64, request: asking('/'), isBare: true },
  { name: '/add, 1 client', clients: 1, request: adding },
  { name: '/add, 64 clients', clients: 64, request: adding },
  { name: '/add, 1,000 clients', clients: 1000, request: adding },
  { name: `/add-batch of ${BATCH}, 4 clients`, clients: 4, request: addingBatch, items: BATCH },
  { name: 'tiles of hashes, 64 clients', clients: 64, request: reading('0'), filled: FILLED },
  {
    name: 'bundles, compressed, 64 clients',
    clients: 64,
    request: reading('entries', '{["accept-encoding"] = "gzip"}'),
    filled: FILLED,
  },
  { name: 'checkpoint, 64 clients', clients: 64, request: asking('/checkpoint'), filled: FILLED },
];

async function measure({ name, clients, request, items = 1, filled = 0, isBare = false }: Case): Promise<void> {
  await using server = await (isBare ? BenchServer.startBare() : BenchServer.start());
  await fill(server.url, filled);
  const run = (seconds: number): Promise<Answered> => load({ url: server.url, clients, seconds, request, directory });
  // Until the code is compiled.
  await run(2);
  const memory = [server.memory()];
  const timer = setInterval(() => memory.push(server.memory()), MEMORY_INTERVAL);
  const { requests, seconds, p50, p99, p999, refused, failed } = await run(SECONDS);
  clearInterval(timer);
  memory.push(server.memory());
  row(
    name,
    format(requests / seconds),
    format((requests * items) / seconds),
    ...[p50, p99, p999].map((milliseconds) => format(milliseconds, 1)),
    megabytes([memory[0]!.all, Math.max(...memory.map(({ all }) => all)), memory.at(-1)!.all]),
  );
  const minutes = memory.filter((_, i) => i > 0 && i % (60_000 / MEMORY_INTERVAL) === 0);
  if (minutes.length > 1) {
    console.log(`  MB after each minute: ${megabytes(minutes.map(({ all }) => all))}`);
    console.log(`  of these pages of files: ${megabytes(minutes.map(({ files }) => files))}`);
  }
  if (refused > 0 || failed > 0) console.log(`  of these ${refused} refused, ${failed} failed`);
}

/** Appends what is read later. */
async function fill(url: string, count: number): Promise<void> {
  const entries = Array.from({ length: 4096 }, (_, i) => i);
  for (let done = 0; done < count; done += entries.length) {
    const bundle = formatBundle(entries.map((i) => Buffer.from(`filled ${done + i} `.padEnd(ENTRY_SIZE, '.'))));
    const response = await fetch(`${url}/add-batch`, { method: 'POST', body: new Uint8Array(bundle) });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  }
}

const format = (value: number, digits = 0): string => value.toLocaleString('en', { maximumFractionDigits: digits });

const megabytes = (bytes: readonly number[]): string => bytes.map((each) => format(each / 1e6)).join(' ');

function row(label: string, ...cells: string[]): void {
  console.log(`| ${label.padEnd(32)} | ${cells.map((cell) => cell.padStart(12)).join(' | ')} |`);
}

if (!hasWrk)
  throw new Error('the load comes from wrk, which is not installed: Debian has it, and https://github.com/wg/wrk');
if (canPin) execFileSync('taskset', ['-cp', '1', String(process.pid)], { stdio: 'ignore' });
const directory = mkdtempSync(join(tmpdir(), 'vitrine-bench-wrk-'));
const machine = `${cpus().length} x ${cpus()[0]?.model}, ${format(totalmem() / 1e9)} GB`;
console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${machine}`);
console.log(
  `${SECONDS} s each; the server ${canPin ? 'on one core, the load on another' : 'and the load share all cores'}\n`,
);
row('', 'requests/s', 'items/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'MB: start, most, end');
row('---', '---', '---', '---', '---', '---', '---');
try {
  for (const one of CASES) if (ONLY === undefined || one.name.includes(ONLY)) await measure(one);
} finally {
  rmSync(directory, { recursive: true });
}
