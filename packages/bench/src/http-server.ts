import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

/** In bytes. */
export interface Memory {
  readonly all: number;
  /** Pages of files that are mapped, which the system takes back when it needs them: the program and LevelDB's tables. */
  readonly files: number;
}

/** A server in a process of its own, on a core of its own. */
export class BenchServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #directory: string | undefined;

  private constructor(child: ChildProcess, url: string, directory?: string) {
    this.#child = child;
    this.url = url;
    this.#directory = directory;
  }

  /** A `vitrine serve` of a raw log that takes entries from everybody. */
  static async start(): Promise<BenchServer> {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-bench-http-'));
    const log = join(directory, 'log');
    const env = { ...process.env, XDG_CONFIG_HOME: directory };
    const init = [COMMAND, 'init', '--raw', log, '--origin', 'bench.example/log'];
    execFileSync(process.execPath, init, { env, stdio: 'ignore' });
    const serve = [COMMAND, 'serve', '--log', log, '--open', '--listen', '0'];
    const { child, url } = await started(serve, env);
    return new BenchServer(child, url, directory);
  }

  /** A server of Node's that does nothing else. */
  static async startBare(): Promise<BenchServer> {
    const script = fileURLToPath(new URL('./bare-server.js', import.meta.url));
    const { child, url } = await started([script], process.env);
    return new BenchServer(child, url);
  }

  /** Its memory that is in use. */
  memory(): Memory {
    const pid = String(this.#child.pid);
    const all = 1024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', pid], { encoding: 'utf8' }));
    return { all, files: 1024 * Number(/^RssFile:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? Number.NaN) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true });
  }
}

async function started(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const node = [process.execPath, ...args];
  const [program, ...rest] = canPin ? ['taskset', '-c', '0', ...node] : node;
  const child = spawn(program!, rest, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(child.stdout!, 'data');
  return { child, url: String(line).trim() };
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
