import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { isAbsolute } from 'node:path';
import type { Context } from './context.ts';
import { EXIT_DONE } from './errors.ts';
import { Output } from './output.ts';
import { run } from './run.ts';
import { openTerminal } from './terminal.ts';

const EXIT_STATUS_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

const controller = new AbortController();
// Every request that is under way listens.
setMaxListeners(0, controller.signal);
let signalled: keyof typeof EXIT_STATUS_OF_SIGNAL | undefined;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  // Only once: whoever sends it again does not want to wait until all is tidy.
  process.once(name, () => {
    signalled = name;
    controller.abort();
  });
}

const context: Context = {
  stdin: process.stdin,
  output: new Output(process.stdout, process.stderr),
  env: process.env,
  signal: controller.signal,
  now: () => Math.floor(Date.now() / 1000),
  random: (size) => new Uint8Array(randomBytes(size)),
  terminal: () => openTerminal(process.stdin, process.stderr),
  configDirectory: async () => {
    // https://specifications.freedesktop.org/basedir-spec/latest/#variables: a relative path is invalid, and ignored.
    if (!isAbsolute(process.env['XDG_CONFIG_HOME'] ?? '')) delete process.env['XDG_CONFIG_HOME'];
    return (await import('env-paths')).default('vitrine', { suffix: '' }).config;
  },
};

const exitStatus = await run(process.argv.slice(2), context);
// A server that was told to stop, and did, is done.
process.exitCode = signalled === undefined || exitStatus === EXIT_DONE ? exitStatus : EXIT_STATUS_OF_SIGNAL[signalled];
