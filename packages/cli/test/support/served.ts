import type { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { RunOptions, Workspace } from './workspace.ts';

/** A `vitrine serve` that answers. */
export class Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly #output: { stdout: string; stderr: string };

  private constructor(child: ChildProcess, url: string, output: { stdout: string; stderr: string }) {
    this.child = child;
    this.url = url;
    this.#output = output;
  }

  /** Starts the command on a free port, and resolves once it says where it answers. It is killed when the test is done. */
  static async start(at: Workspace, args: readonly string[], options: RunOptions = {}): Promise<Served> {
    const child: ReturnType<typeof spawn> = at.start(['serve', '--listen', '0', ...args], options);
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdin!.end();
    const output = { stdout: '', stderr: '' };
    child.stderr!.on('data', (chunk) => {
      output.stderr += chunk;
    });
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout!.on('data', (chunk) => {
        output.stdout += chunk;
        const [found] = /https?:\/\/[^\s"]+/.exec(output.stdout) ?? [];
        if (found !== undefined && output.stdout.includes('\n')) resolve(found);
      });
      child.once('close', () => reject(new Error(`the server ended: ${output.stderr}`)));
    });
    return new Served(child, url, output);
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  /** Asks it to stop, and resolves to its exit status. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<number | null> {
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    const [status] = await closed;
    return status;
  }

  async kill(): Promise<void> {
    const closed = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await closed;
  }

  /** Appends an entry, and gives its index. */
  async add(entry: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await fetch(`${this.url}/add`, { method: 'POST', body: entry, headers });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    return Number((await response.text()).trimEnd());
  }

  async text(path: string): Promise<string> {
    return (await fetch(`${this.url}${path}`)).text();
  }
}

/** What clients were told who add entries at the same time, each one after the other, until the server goes away. */
export class Load {
  readonly acknowledged: Map<string, number> = new Map();
  readonly #clients: Promise<void>[];
  #started = 0;

  constructor(served: Served, clients: number, name: string) {
    this.#clients = Array.from({ length: clients }, async () => {
      for (;;) {
        const entry = `${name} ${this.#started++}`;
        try {
          this.acknowledged.set(entry, await served.add(entry));
        } catch {
          return;
        }
      }
    });
  }

  /** Entries that were sent, whatever became of them. */
  get started(): number {
    return this.#started;
  }

  /** Resolves once so many were acknowledged. */
  async reached(count: number): Promise<void> {
    while (this.acknowledged.size < count) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  /** Resolves once every client has seen the server go away. */
  async ended(): Promise<void> {
    await Promise.all(this.#clients);
  }
}
