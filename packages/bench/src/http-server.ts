import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../cli/bin/vitrine.js', import.meta.url));

/** Whether processes can be given a core. */
export const canPin: boolean = (() => {
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** A `vitrine serve` of a raw log that takes entries from everybody, on a core of its own. */
export class BenchServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, url: string, directory: string) {
    this.#child = child;
    this.url = url;
    this.#directory = directory;
  }

  static async start(): Promise<BenchServer> {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-bench-http-'));
    const log = join(directory, 'log');
    const env = { ...process.env, XDG_CONFIG_HOME: directory };
    const init = [COMMAND, 'init', '--raw', log, '--origin', 'bench.example/log'];
    execFileSync(process.execPath, init, { env, stdio: 'ignore' });
    const serve = [process.execPath, COMMAND, 'serve', '--log', log, '--open', '--listen', '0'];
    const [program, ...args] = canPin ? ['taskset', '-c', '0', ...serve] : serve;
    const child = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = await once(child.stdout!, 'data');
    return new BenchServer(child, String(line).trim(), directory);
  }

  /** Bytes of its memory that are in use, files that it maps included. */
  async memory(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)![1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
    rmSync(this.#directory, { recursive: true });
  }
}
