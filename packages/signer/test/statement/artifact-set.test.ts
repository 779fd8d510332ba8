import { sha256 } from '@vitrine/core';
import { describe, expect, test } from 'vitest';
import { artifactSet } from '../../src/statement/artifact-set.ts';
import type { BuildPayload, DatabasePayload } from '../../src/statement/payload.ts';
import { digest } from './examples.ts';
import { concat } from './forge.ts';

const file = (name: string, content: string, size = 1) => ({ name, size, sha256: digest(content) });

const build = (...artifacts: ReturnType<typeof file>[]): BuildPayload => ({
  type: 'build',
  product: 'p',
  version: '1',
  channel: 'c',
  artifacts,
});

const byBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

describe('an artifact set', () => {
  test('is SHA-256 over the sorted digests', () => {
    const sorted = [digest('a'), digest('b'), digest('c')].sort(byBytes);
    expect(artifactSet(build(file('1', 'a'), file('2', 'b'), file('3', 'c')))).toEqual(sha256(concat(...sorted)));
  });

  test('is the same under other names, in another order, and with a file twice', () => {
    const set = artifactSet(build(file('1', 'a'), file('2', 'b')));
    expect(artifactSet(build(file('x', 'b'), file('y', 'a')))).toEqual(set);
    expect(artifactSet(build(file('1', 'a'), file('2', 'b'), file('3', 'a')))).toEqual(set);
  });

  test('is another with another file, or one more, or one less', () => {
    const set = artifactSet(build(file('1', 'a'), file('2', 'b')));
    expect(artifactSet(build(file('1', 'a'), file('2', 'c')))).not.toEqual(set);
    expect(artifactSet(build(file('1', 'a'), file('2', 'b'), file('3', 'c')))).not.toEqual(set);
    expect(artifactSet(build(file('1', 'a')))).not.toEqual(set);
  });

  test('of a manifest is that of its one digest, in a build as in a database', () => {
    const manifest = file('SHA256SUMS', 'm');
    const database: DatabasePayload = { type: 'database', name: 'd', sequence: 1, manifest };
    expect(artifactSet(database)).toEqual(sha256(digest('m')));
    expect(artifactSet({ type: 'build', product: 'p', version: '1', channel: 'c', manifest })).toEqual(
      sha256(digest('m')),
    );
  });

  test('does not change the order of the artifacts that it is given', () => {
    const payload = build(file('1', 'b'), file('2', 'a'), file('3', 'c'));
    const before = structuredClone(payload);
    artifactSet(payload);
    expect(payload).toEqual(before);
  });
});
