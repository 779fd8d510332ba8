import type { ArchiveComparison, ArchiveMember, NotComparable } from '@vitrine/signer/node';
import { expect, test } from 'vitest';
import { comparisonText } from '../src/rebuild-view.ts';

const file = (name: string): { name: string; size: number; sha256: Uint8Array } => ({
  name,
  size: 1,
  sha256: new Uint8Array(32),
});

const member = (path: string, more: Partial<ArchiveMember> = {}): ArchiveMember => ({
  path,
  type: 'file',
  size: 1,
  sha256: new Uint8Array(32),
  ...more,
});

/** What is printed of the members of one artifact, without what stands before. */
function linesOf(archive: Partial<ArchiveComparison> | NotComparable): string[] {
  const whole: ArchiveComparison | NotComparable =
    'reason' in archive
      ? archive
      : { format: 'tar', members: [2, 3], differences: [], reordered: false, header: [], ...archive };
  const artifact = { theirs: file('a'), mine: file('a'), result: 'different', archive: whole } as const;
  return comparisonText([artifact]).trimEnd().split('\n').slice(3);
}

test('what differs in archives is said in words', () => {
  const a = member('a', { mode: 0o644, mtime: 0, owner: '0:0' });
  const b = member('a', { mode: 0o7, owner: '1:0', target: 'x', type: 'symlink', compression: 'stored, 1 bytes' });
  const aspects = ['type', 'mode', 'mtime', 'owner', 'target', 'compression'] as const;
  const differences = [
    { path: 'a', theirs: a, mine: b, aspects },
    { path: 'b', theirs: member('b', { size: 2 }), aspects: [] },
    { path: 'c', mine: member('c'), aspects: [] },
  ];
  expect(linesOf({ differences, reordered: true })).toEqual([
    '  tar, 2 members / 3, theirs / mine:',
    '    different    a',
    '      type  file / symlink',
    '      mode  0644 / 0007',
    '      mtime  1970-01-01T00:00:00Z / none',
    '      owner  0:0 / 1:0',
    '      target  none / x',
    '      compression  none / stored, 1 bytes',
    '    only theirs  b  2 bytes',
    '    only mine    c  1 byte',
    '    the members stand in another order',
  ]);
});

test('archives whose members are equal differ all the same', () => {
  expect(linesOf({})).toEqual(['  tar, 2 members / 3, theirs / mine:', '    the members do not differ']);
  expect(linesOf({ format: 'gzip', members: [1, 1] })).toEqual([
    '  gzip, theirs / mine:',
    '    only the compression differs',
  ]);
  const header = [{ field: 'mtime', theirs: '1', mine: '0' }];
  expect(linesOf({ format: 'tar.gz', header })).toEqual([
    '  tar.gz, 2 members / 3, theirs / mine:',
    '    gzip header: mtime  1 / 0',
  ]);
  expect(linesOf({ reason: 'theirs is a zip file' })).toEqual(['  members are not compared: theirs is a zip file']);
});

test('no more members are listed than somebody reads', () => {
  const differences = Array.from({ length: 102 }, (_, i) => ({ path: `${i}`, mine: member(`${i}`), aspects: [] }));
  const lines = linesOf({ differences });
  expect(lines).toHaveLength(102);
  expect(lines.at(-1)).toBe('    and 2 members more, which --json lists');
});

test('what members are called cannot act on a terminal', () => {
  const hostile = '\u001b[31m\u0007\n';
  const theirs = member(hostile, { owner: hostile, target: hostile });
  const lines = linesOf({
    differences: [{ path: hostile, theirs, mine: member(hostile), aspects: ['owner', 'target'] }],
    header: [{ field: 'name', theirs: hostile, mine: 'none' }],
  });
  expect(lines).toHaveLength(5);
  expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  expect(linesOf({ reason: hostile }).join('')).not.toMatch(/\p{Cc}/u);
});
