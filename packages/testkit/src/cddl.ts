import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The Debian packages have no CDDL validator and npm has none that reads CBOR: these are from PyPI.
const PACKAGES = ['cddl-verifier==1.5.3', 'pycddl==0.6.4'];

/** What each validator says of a value. */
export interface CddlVerdict {
  readonly 'cddl-verifier': boolean;
  readonly pycddl: boolean;
}

/** CBOR that a rule of a schema is to describe. */
export type CddlCheck = readonly [rule: string, bytes: Uint8Array];

/** Two independent CDDL validators, installed for the time of a test. */
export class CddlValidators implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'vitrine-cddl-'));
  readonly #schema: string;

  /** @param schema the path of the CDDL file. Installing takes a while, and needs Python and PyPI */
  constructor(schema: string) {
    this.#schema = schema;
    execFileSync('python3', ['-m', 'venv', this.#directory]);
    execFileSync(join(this.#directory, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
  }

  /** A verdict for each check, in their order. */
  check(checks: readonly CddlCheck[]): CddlVerdict[] {
    const input = checks.map(
      ([rule, bytes]) => `${JSON.stringify({ rule, hex: Buffer.from(bytes).toString('hex') })}\n`,
    );
    const script = join(import.meta.dirname, 'check-cddl.py');
    const output = execFileSync(join(this.#directory, 'bin/python'), [script, this.#schema], { input: input.join('') });
    const lines = output.toString().trimEnd().split('\n');
    if (lines.length !== checks.length) throw new Error(`${lines.length} verdicts on ${checks.length} values`);
    return lines.map((line) => JSON.parse(line) as CddlVerdict);
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
