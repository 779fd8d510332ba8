import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { streamKey } from '@vitrine/core';
import type { LogReading } from '@vitrine/core/log';
import { expect, test } from 'vitest';
import { openDirectory } from '../src/log-option.ts';
import { StreamHeads } from '../src/stream-heads.ts';
import { workspaceWithIndex } from './support/index-workspace.ts';
import { testContext } from './support/test-context.ts';

/** As many streams as that, whose newest release is the same one. */
const STREAMS = 30;

function withManyStreams(log: LogReading, latestOf: LogReading['latestOf']): LogReading {
  async function* streams(): AsyncGenerator<{ stream: { type: 'build'; issuer: string; stream: string } }> {
    for (let i = 0; i < STREAMS; i++) {
      yield { stream: { type: 'build', issuer: 'acme.example', stream: `acme-av/${i}` } };
    }
  }
  const changed = { streams, latestOf };
  return new Proxy(log, {
    get: (target, name) => {
      if (name in changed) return changed[name as keyof typeof changed];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('A head that cannot be made stops the others, and none is written once that was said', async () => {
  const w = await workspaceWithIndex();
  await using log = await openDirectory(w.path('log'));
  const key = streamKey({ type: 'build', issuer: 'acme.example', stream: 'acme-av/stable' });
  let asked = 0;
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const failing = withManyStreams(log, async (_, size) => {
    if (++asked === 1) throw new Error('the log cannot be read');
    await opened;
    return log.latestOf(key, size);
  });
  const heads = new StreamHeads(testContext().context, { directory: w.path('out') });
  await heads.begin(failing);
  const writing = expect(heads.write(failing)).rejects.toThrow('the log cannot be read');
  // They are in the middle of theirs while it fails.
  await setTimeout(50);
  open();
  await writing;
  const written = readdirSync(w.path('out/heads'));
  expect(written).toHaveLength(asked - 1);
  expect(written.filter((name) => !name.endsWith('.vitrine'))).toEqual([]);
  expect(asked).toBeLessThan(STREAMS);
  // Those that were not written stay to be written.
  const whole = withManyStreams(log, (_, size) => log.latestOf(key, size));
  expect(await heads.write(whole)).toBe(STREAMS - written.length);
  expect(readdirSync(w.path('out/heads'))).toHaveLength(STREAMS);
});
