import type { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { RunOptions, Workspace } from './workspace.ts';

/** A command that goes on, in a process of its own. It is killed when the test is done. */
export class RunningCommand {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Its exit status, once it has ended and said everything. */
  readonly ended: Promise<number | null>;

  constructor(w: Workspace, args: readonly string[], options: RunOptions = {}) {
    const child: ReturnType<typeof spawn> = w.start(args, options);
    this.child = child;
    this.ended = once(child, 'close').then(([status]) => status);
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdin!.end();
    child.stdout!.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr!.on('data', (chunk) => {
      this.stderr += chunk;
    });
  }

  /** Ends it, and gives its exit status. */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}
