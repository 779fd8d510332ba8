import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Python with packages from PyPI, installed for the time of a test. */
export class PythonEnvironment implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'vitrine-python-'));

  /** @param packages with their versions. Installing takes a while, and needs Python and PyPI */
  constructor(packages: readonly string[]) {
    execFileSync('python3', ['-m', 'venv', this.#directory]);
    execFileSync(join(this.#directory, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages]);
  }

  /** Runs a script with lines of JSON on standard input, and gives those that it prints. */
  run(script: string, args: readonly string[], lines: readonly unknown[]): unknown[] {
    const input = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const output = execFileSync(join(this.#directory, 'bin/python'), [script, ...args], { input });
    return output
      .toString()
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
