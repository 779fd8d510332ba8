import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyRecord } from '@vitrine/signer';
import { RecordSet, readRecords } from '@vitrine/signer/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Transcript, type Workspace, workspace } from '../support/workspace.ts';
import { DebianArchive } from './support/debian.ts';

const RULES_LINE = ['--comment', '#', '--skip-blank'];
const FORMAT = { reader: 'lines', comment: '#', skipBlank: true } as const;
const SAMPLE = 12;

let debian: DebianArchive;
/** Directories of rules: each version of the OWASP core rule set that Debian has, the oldest first. */
let coreRules: string[];
let saganRules: string;

beforeAll(() => {
  debian = new DebianArchive();
  coreRules = debian
    .versions('modsecurity-crs')
    .map((version) => join(debian.unpack('modsecurity-crs', version), 'usr', 'share', 'modsecurity-crs', 'rules'));
  const [version] = debian.versions('sagan-rules');
  saganRules = join(debian.unpack('sagan-rules', version!), 'etc', 'sagan-rules');
}, 300_000);

afterAll(() => debian[Symbol.dispose]());

/** The lines that are rules, read here in the plainest way. */
function rulesIn(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'latin1').split(/\r?\n/))
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
}

/** Some of the values, from the first to the last. */
function sample<T>(values: readonly T[]): T[] {
  const step = Math.max(1, Math.floor(values.length / SAMPLE));
  return values.filter((_, i) => i % step === 0).slice(0, SAMPLE);
}

/** A workspace with a log that takes statements of a vendor, and its files `policy` and `vendor.vkey`. */
class VendorWorkspace {
  readonly #w: Workspace = workspace();

  static async create(): Promise<VendorWorkspace> {
    const created = new VendorWorkspace();
    const w = created.#w;
    w.write('policy', (await created.done('init', 'log', '--origin', 'example.com/log')).stdout);
    w.write('vendor.vkey', (await created.done('key', 'generate', 'vendor.example/key', '--out', 'vendor.key')).stdout);
    await created.done('admit', 'add', 'vendor.vkey', '--role', 'vendor');
    return created;
  }

  path(name: string): string {
    return this.#w.path(name);
  }

  /** Writes bytes, given as latin1, to a file. */
  write(name: string, bytes: string): void {
    writeFileSync(this.path(name), bytes, 'latin1');
  }

  run(...args: string[]): Promise<Transcript> {
    return this.#w.run(args, { env: { VITRINE_LOG: 'log', VITRINE_KEY: 'vendor.key' } });
  }

  /** Runs a command that has to work. */
  async done(...args: string[]): Promise<Transcript> {
    const transcript = await this.run(...args);
    if (transcript.status !== 0) throw new Error(`vitrine ${args.join(' ')}: ${transcript.stderr}`);
    return transcript;
  }

  /** Releases a database; the index of the statement, and what was said about it. */
  async release(...args: string[]): Promise<{ index: string; stderr: string }> {
    const { stdout, stderr } = await this.done('release', 'database', ...args);
    return { index: stdout.split(' ')[0]!, stderr };
  }

  async show(
    index: string,
  ): Promise<{ sequence: number; records: { count: number; root: string }; previous?: string }> {
    const { stdout } = await this.done('show', index, '--json');
    return JSON.parse(stdout).statement.payload;
  }

  /** Proves a record, verifies that by the policy and the vendor's key, and says what the proof showed. */
  async proven(record: string, index: string, database: string): Promise<'present' | 'absent'> {
    this.write('record', record);
    const proof = ['--of', index, '--database', database, '--out', 'proof', '--force'];
    await this.done('prove', 'record', '--record-file', 'record', ...proof);
    const trust = ['--policy', 'policy', '--signer', 'vendor.vkey'];
    const { stdout } = await this.done('verify', '--record-file', 'record', '--proof', 'proof', ...trust, '--json');
    return JSON.parse(stdout).present ? 'present' : 'absent';
  }
}

test('each version of the OWASP core rule set is the next release of a database', async () => {
  expect(coreRules.length).toBeGreaterThan(1);
  const vendor = await VendorWorkspace.create();
  const indices: string[] = [];
  for (const [i, directory] of coreRules.entries()) {
    const rules = rulesIn(directory);
    const distinct = new Set(rules).size;
    const { index, stderr } = await vendor.release(directory, '--name', 'crs', '--next', ...RULES_LINE);
    indices.push(index);
    // Its rules have many lines each, and many of those are alike.
    expect(stderr).toContain(`${distinct} records (${rules.length - distinct} duplicates counted once)`);
    const shown = await vendor.show(index);
    expect(shown).toMatchObject({ sequence: i + 1, records: { count: distinct } });
    expect(shown.previous !== undefined).toBe(i > 0);
  }

  const [oldest, newest] = [coreRules[0]!, coreRules.at(-1)!];
  const [before, now] = [new Set(rulesIn(oldest)), new Set(rulesIn(newest))];
  const added = [...now].filter((rule) => !before.has(rule));
  const dropped = [...before].filter((rule) => !now.has(rule));
  const kept = [...now].filter((rule) => before.has(rule));
  for (const [rules, inOldest, inNewest] of [
    [added, 'absent', 'present'],
    [dropped, 'present', 'absent'],
    [kept, 'present', 'present'],
  ] as const) {
    expect(rules.length).toBeGreaterThan(0);
    for (const rule of sample(rules).slice(0, SAMPLE / 3)) {
      expect(await vendor.proven(rule, indices[0]!, oldest), rule).toBe(inOldest);
      expect(await vendor.proven(rule, indices.at(-1)!, newest), rule).toBe(inNewest);
    }
  }
});

test('a rule of Sagan is shown to be there, and a changed one not to be, and no proof serves for another rule', async () => {
  const vendor = await VendorWorkspace.create();
  cpSync(saganRules, vendor.path('sagan'), { recursive: true });
  const { index } = await vendor.release('sagan', '--name', 'sagan', '--sequence', '20170725', ...RULES_LINE);
  const rules = rulesIn(saganRules);
  for (const rule of sample(rules)) {
    expect(await vendor.proven(rule, index, 'sagan'), rule).toBe('present');
    expect(await vendor.proven(`${rule} `, index, 'sagan'), rule).toBe('absent');
  }
  // The proof of the last one is still there.
  vendor.write('record', rules[1]!);
  const { status, stderr } = await vendor.run(
    'verify',
    '--record-file',
    'record',
    '--proof',
    'proof',
    '--policy',
    'policy',
  );
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('proof-mismatch: ') });

  writeFileSync(
    join(vendor.path('sagan'), 'local.rules'),
    'alert any $HOME_NET any -> $HOME_NET any (sid: 5000000;)\n',
  );
  const { stderr: refusal } = await vendor.run('prove', 'record', rules[0]!, '--of', index, '--database', 'sagan');
  expect(refusal).toContain('vitrine: records-differ: ');
  const next = await vendor.release('sagan', '--name', 'sagan', '--next', ...RULES_LINE);
  expect(await vendor.show(next.index)).toMatchObject({ sequence: 20170726 });
});

test('every rule of Sagan has a proof that refuses every other rule', async () => {
  const records: Uint8Array[] = [];
  for await (const record of readRecords(saganRules, FORMAT)) records.push(new Uint8Array(record));
  const set = await RecordSet.from(records);
  expect(set.count + set.duplicates).toBe(rulesIn(saganRules).length);
  const distinct = [...new Map(records.map((record) => [Buffer.from(record).toString('hex'), record])).values()];
  for (const [i, record] of distinct.entries()) {
    const claim = { root: set.root, record, proof: set.prove(record) };
    verifyRecord({ ...claim, present: true });
    expect(() => verifyRecord({ ...claim, present: false })).toThrow();
    const neighbour = distinct[(i + 1) % distinct.length]!;
    for (const present of [true, false]) {
      expect(() => verifyRecord({ ...claim, record: neighbour, present })).toThrow();
    }
    const changed = Uint8Array.of(...record, 0x20);
    const absence = { root: set.root, record: changed, proof: set.prove(changed) };
    verifyRecord({ ...absence, present: false });
    expect(() => verifyRecord({ ...absence, present: true })).toThrow();
  }
});

/** Makes a ClamAV database of the hashes of the files in a directory, with ClamAV's own tool. */
function buildContainer(
  vendor: VendorWorkspace,
  directory: string,
  version: number,
): { file: string; signatures: string[] } {
  const build = vendor.path(`clamav-${version}`);
  mkdirSync(build);
  cpSync('/usr/share/common-licenses/GPL-2', join(build, 'COPYING'));
  const files = readdirSync(directory).map((name) => join(directory, name));
  const hashes = execFileSync('sigtool', ['--sha256', ...files], { encoding: 'latin1' });
  // A hash that is there twice counts once.
  writeFileSync(join(build, 'rules.hsb'), hashes + hashes.slice(0, hashes.indexOf('\n') + 1), 'latin1');
  // It asks for the name of the builder.
  execFileSync('sigtool', ['--unsigned', '--build=rules.cud', `--cvd-version=${version}`], {
    cwd: build,
    input: 'vitrine\n',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return { file: `clamav-${version}/rules.cud`, signatures: hashes.trimEnd().split('\n') };
}

test('databases that sigtool made are released, and a signature in one is shown to be there', async () => {
  const vendor = await VendorWorkspace.create();
  const built = coreRules.map((directory, i) => buildContainer(vendor, directory, i + 1));
  const indices: string[] = [];
  for (const { file, signatures } of built) {
    const { index, stderr } = await vendor.release(file, '--name', 'clamav', '--next');
    indices.push(index);
    expect(stderr).toContain(`${signatures.length} records (1 duplicate counted once)`);
  }
  const [oldest, newest] = [built[0]!, built.at(-1)!];
  const added = newest.signatures.filter((signature) => !oldest.signatures.includes(signature));
  expect(added.length).toBeGreaterThan(0);
  for (const signature of sample(added).slice(0, SAMPLE / 3)) {
    expect(await vendor.proven(signature, indices.at(-1)!, newest.file)).toBe('present');
    expect(await vendor.proven(signature, indices[0]!, oldest.file)).toBe('absent');
  }
});
