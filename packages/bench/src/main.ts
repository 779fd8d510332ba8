import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { INDEX_BATCHES, INDEX_STREAMS, indexCaseName } from './cases/index-of-log.ts';
import type { Measurement } from './measurement.ts';

// Prints; asserts nothing. `npm run bench -- --entries 100000` for a short look, `--flat` adds 10^4 to 10^7 entries,
// `--records`, `--index` and `--verifying` print the parts about record sets, the index and agents only.
const args = process.argv.slice(2);
const option = args.indexOf('--entries');
const COUNT = option === -1 ? 1_000_000 : Number(args[option + 1]);
const FLAT = args.includes('--flat');
const PARTS = ['--records', '--index', '--verifying'].filter((part) => args.includes(part));
const isWanted = (part?: string): boolean => PARTS.length === 0 || (part !== undefined && PARTS.includes(part));

function run(name: string, count: number): Measurement {
  const script = fileURLToPath(new URL('./run-case.js', import.meta.url));
  const output = execFileSync(process.execPath, ['--no-warnings', script, name, String(count)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output.trim().split('\n').at(-1)!);
}

const number = (value: number | undefined, digits = 0): string =>
  value === undefined
    ? ''
    : value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });

function row(label: string, ...cells: string[]): void {
  console.log(`| ${label.padEnd(44)} | ${cells.map((cell) => cell.padStart(14)).join(' | ')} |`);
}

function line(label: string, measured: Measurement, floor: Measurement): void {
  const rate = measured['entriesPerSecond']!;
  row(
    label,
    number(rate),
    `${number((100 * rate) / floor['entriesPerSecond']!)} %`,
    number(measured['bytesPerEntry']),
    number(measured['ownMegabytes']),
    number(measured['peakMegabytes']),
  );
}

console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${number(totalmem() / 1e9)} GB\n`,
);

function appending(): void {
  console.log(`${number(COUNT)} entries of 200 bytes. One run each: read the figures as ratios.\n`);
  row('', 'entries/s', 'of the floor', 'bytes/entry', 'own MB', 'peak MB');
  row('---', '---', '---', '---', '---', '---');
  const floor = run('floor', COUNT);
  line('floor: hashed into the tree, nothing stored', floor, floor);
  line('appendAll, duplicates allowed', run('appendAllDuplicates', COUNT), floor);
  line('appendAll, duplicates refused', run('appendAllStrict', COUNT), floor);
  line('append, 1,000 concurrent callers', run('appendConcurrent', COUNT), floor);
  line(`append, one caller (${number(COUNT / 100)} entries)`, run('appendOne', COUNT / 100), floor);
  line('peer: hypercore, batches of 4,096', run('hypercore', COUNT), floor);
  line('peer: merkletreejs, in memory', run('merkletreejs', COUNT), floor);

  const reading = run('read', COUNT);
  console.log(`\nOn a log of ${number(COUNT)} entries, opened in ${number(reading['openMilliseconds'], 1)} ms:`);
  console.log(`  ${number(reading['inclusionProofsPerSecond'])} inclusion proofs/s of random entries`);
  console.log(`  ${number(reading['consistencyProofsPerSecond'])} consistency proofs/s from random sizes`);
  console.log(`  ${number(reading['entriesReadPerSecond'])} entries/s read and checked`);
  console.log(`  ${number(reading['fsckSeconds'], 1)} s for fsck`);
}

/** The same at several sizes: whether the cost of an entry grows with the log. */
function growing(): void {
  console.log('\nCost per entry as the log grows:\n');
  row('', 'entries/s', 'of the floor', 'bytes/entry', 'own MB', 'peak MB');
  row('---', '---', '---', '---', '---', '---');
  for (const count of [1e4, 1e5, 1e6, 1e7]) {
    const base = run('floor', count);
    line(`${number(count)}, duplicates allowed`, run('appendAllDuplicates', count), base);
    line(`${number(count)}, duplicates refused`, run('appendAllStrict', count), base);
  }
}

/** Signature databases: each is read from a file of rules, one a line, and rooted in one pass. */
function recordSets(): void {
  console.log('\nRecord sets, each read from a file of rules and rooted in one pass:\n');
  row('', 'records/s', 'seconds', 'proofs/s', 'own MB', 'peak MB');
  row('---', '---', '---', '---', '---', '---');
  for (const count of [COUNT / 10, COUNT, COUNT * 10]) {
    const measured = run('recordSet', count);
    row(
      `${number(count)} records`,
      number(measured['recordsPerSecond']),
      number(measured['rootingSeconds'], 1),
      number(measured['recordProofsPerSecond']),
      number(measured['ownMegabytes']),
      number(measured['peakMegabytes']),
    );
  }
}

/** The index of a log of statements: what it costs, and what is proven from it. */
function indexing(): void {
  for (const judged of [false, true]) {
    const what = judged
      ? 'each judged, with its signature verified'
      : 'taken unseen, so that the log itself is measured';
    console.log(`\nStatements of some 250 bytes, ${what}. The log has one of each stream before:\n`);
    row('', 'with, /s', 'without, /s', 'of it', 'with, bytes', 'without, bytes');
    row('---', '---', '---', '---', '---', '---');
    for (const streams of INDEX_STREAMS) {
      for (const batch of INDEX_BATCHES) {
        const count = Math.min(judged ? COUNT / 30 : COUNT / 10, batch === 1 ? COUNT / 300 : 200 * batch);
        const rounded = Math.ceil(count / batch) * batch;
        const [on, off] = [true, false].map((indexed) =>
          run(indexCaseName({ indexed, judged, streams, batch }), rounded),
        ) as [Measurement, Measurement];
        row(
          `${number(streams)} streams, batches of ${number(batch)}`,
          number(on['entriesPerSecond']),
          number(off['entriesPerSecond']),
          `${number((100 * on['entriesPerSecond']!) / off['entriesPerSecond']!)} %`,
          number(on['bytesPerEntry']),
          number(off['bytesPerEntry']),
        );
      }
    }
  }
  const proofs = run('indexProofs', COUNT);
  console.log(`\nOn a log of ${number(COUNT)} statements in ${number(COUNT / 10)} streams, taken unseen:`);
  const figures: [string, string, number?][] = [
    ['entriesPerSecond', 'statements/s appended, in batches of 4,096'],
    ['bytesPerEntry', 'bytes a statement on disk'],
    ['ownMegabytes', 'MB of own memory, at most'],
    ['openMilliseconds', 'ms to open it', 1],
    ['latestPerSecond', 'newest statements/s found'],
    ['proofsPerSecond', 'proofs/s of the newest statement of a stream'],
    ['recordVerificationsPerSecond', 'records/s verified against the root of the index'],
    ['verificationsPerSecond', 'whole proofs/s verified, the statement parsed'],
    ['siblings', 'siblings in a proof, on average', 1],
    ['latestBytes', 'bytes to prove the newest, beyond the checkpoint and the statement'],
    ['latestFileBytes', 'bytes of its tlog-proof, beyond the checkpoint'],
    ['statementBytes', 'of which are the statement, before base64'],
    ['absentBytes', 'bytes to prove an absence, beyond the checkpoint'],
  ];
  for (const [name, what, digits] of figures) console.log(`  ${number(proofs[name], digits)} ${what}`);
}

/** What agents do, and the verifier of sigstore on a bundle of its own. */
function agents(): void {
  const measured = run('verifying', COUNT);
  console.log(
    `\nReleases in a log of ${number(COUNT)} statements in ${number(COUNT / 10)} streams, three witnesses, one review:`,
  );
  const figures: [string, string, number?][] = [
    ['databaseBundleBytes', 'bytes: the bundle of a database'],
    ['grownBundleBytes', 'bytes: the same with the proof of growth from a tree of half the size'],
    ['buildBundleBytes', 'bytes: the bundle of a build, with its source'],
    ['signaturesPerSecond', 'signatures/s of Ed25519 verified in Node, with nothing around them'],
    ['databasesPerSecond', 'databases/s verified in Node, each with six signatures'],
    ['buildsPerSecond', 'builds/s verified in Node, each with seven'],
    ['databasesPerSecondInChromium', 'databases/s verified in Chromium'],
    ['buildsPerSecondInChromium', 'builds/s verified in Chromium'],
    ['nodeMilliseconds', 'ms: a process of Node that does nothing'],
    ['smallMilliseconds', 'ms: vitrine verify of 1 kB, the whole process'],
    ['largeMilliseconds', 'ms: vitrine verify of 1 GB, the whole process'],
    ['hashMilliseconds', 'ms: that 1 GB read and hashed by Node alone'],
  ];
  for (const [name, what, digits] of figures) console.log(`  ${number(measured[name], digits)} ${what}`);
  try {
    const peer = run('sigstore', 1);
    console.log(
      `  ${number(peer['verificationsPerSecond'])} bundles/s of ${number(peer['bundleBytes'])} bytes verified by sigstore in Node`,
    );
  } catch {
    console.log(
      '  no bundle of sigstore: the registry of npm has none for us; name a file with one in SIGSTORE_BUNDLE',
    );
  }
}

if (isWanted()) appending();
if (isWanted() && FLAT) growing();
if (isWanted('--records')) recordSets();
if (isWanted('--index')) indexing();
if (isWanted('--verifying')) agents();
