import { appendFileSync, chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { formatSourceLine } from '../../src/index.ts';
import { isGitRevision, readDirectoryTree, readGitTree, type SourceProgress } from '../../src/node.ts';
import { bytes, commitAll, git, hex, refusalOf, repositoryOf, temporary } from './support.ts';

beforeEach(() => {
  vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
  return () => vi.unstubAllEnvs();
});

const root = async (reading: Promise<{ summary: { root: Uint8Array } }>): Promise<string> =>
  hex((await reading).summary.root);
const codeOf = async (reading: () => unknown): Promise<string> => (await refusalOf(reading)).code;

/** A repository of one commit with one file. */
function smallRepository(content = 'hello\n'): string {
  const repository = repositoryOf();
  writeFileSync(join(repository, 'file'), content);
  commitAll(repository);
  return repository;
}

/** A commit whose tree git was told to make, whatever a work tree can be. */
function commitOf(repository: string, entries: readonly (readonly [mode: string, id: string, name: string])[]): string {
  const data = entries.flatMap(([mode, id, name]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
  const tree = git(repository, ['hash-object', '-t', 'tree', '-w', '--stdin', '--literally'], Buffer.concat(data));
  return git(repository, ['commit-tree', '-m', 'x', tree]);
}

const blob = (repository: string, content = 'x'): string => git(repository, ['hash-object', '-w', '--stdin'], content);
const objectPath = (repository: string, id: string): string =>
  join(repository, '.git/objects', id.slice(0, 2), id.slice(2));

/** A work tree with everything that is easily got wrong. */
function fillOddly(directory: string): void {
  const at = (...name: (string | number[])[]): Buffer =>
    Buffer.concat([Buffer.from(`${directory}/`), ...name.map((part) => Buffer.from(part as string))]);
  for (const [name, content] of [
    ['a-b', 'before the slash'],
    ['a.b', 'before the slash, too'],
    ['a0b', 'after it'],
    ['empty', ''],
    ['  spaces  ', 'x\n'],
    ['tab\there', 'crlf\r\n'],
    ['new\nline', 'no newline'],
    ['"quoted"\\', 'q'],
    ['-dash', '-'],
    ['.gitignore', 'nothing-that-is-here\n'],
    ['large', 'large '.repeat(100_000)],
  ] as const) {
    writeFileSync(at(name), content);
  }
  const deep = Array.from({ length: 60 }, (_, i) => `directory-${i}`).join('/');
  mkdirSync(at(`a/${deep}`), { recursive: true });
  writeFileSync(at('a/b'), 'in the directory');
  writeFileSync(at(`a/${deep}/leaf`), 'deep');
  writeFileSync(at([0xff, 0xfe]), 'not UTF-8');
  mkdirSync(at([0xc3]));
  writeFileSync(at([0xc3, 0x2f, 0x28]), 'in a directory that is not UTF-8');
  writeFileSync(at('run'), '#!/bin/sh\n');
  chmodSync(at('run'), 0o755);
  symlinkSync('a/b', at('link'));
  symlinkSync(Buffer.from([0xff]), at('a/dangling'));
  symlinkSync('/', at('absolute'));
}

describe.each(['sha1', 'sha256'])('with objects named by %s,', (format) => {
  test('a commit and a checkout of it have one root, whatever is in them', async () => {
    const repository = repositoryOf(`--object-format=${format}`);
    fillOddly(repository);
    const commit = commitAll(repository);
    const tree = await readGitTree('HEAD', { repository });
    expect(tree.commit).toBe(commit);
    const directory = await readDirectoryTree(repository);
    expect(Array.from(tree.files(), (file) => hex(formatSourceLine(file)))).toEqual(
      Array.from(directory.files(), (file) => hex(formatSourceLine(file))),
    );
    expect(tree.summary).toEqual(directory.summary);
    expect(tree.summary.files).toBe(19);

    const clone = join(temporary(), 'clone');
    git(repository, ['clone', '--quiet', repository, clone]);
    expect(await root(readDirectoryTree(clone))).toBe(hex(tree.summary.root));
    const secret = new Uint8Array(32).fill(1);
    expect(await root(readDirectoryTree(clone, { secret }))).toBe(
      await root(readGitTree('HEAD', { repository, secret })),
    );
  });
});

test('a bare repository, a directory in a work tree and a linked work tree give the whole tree', async () => {
  const repository = repositoryOf();
  mkdirSync(join(repository, 'sub/deeper'), { recursive: true });
  writeFileSync(join(repository, 'sub/deeper/file'), 'x');
  writeFileSync(join(repository, 'top'), 'y');
  commitAll(repository);
  const expected = await root(readGitTree('main', { repository }));
  expect(await root(readGitTree('main', { repository: join(repository, 'sub/deeper') }))).toBe(expected);
  const bare = join(temporary(), 'bare.git');
  git(repository, ['clone', '--quiet', '--bare', repository, bare]);
  expect(await root(readGitTree('main', { repository: bare }))).toBe(expected);
  const linked = join(temporary(), 'linked');
  git(repository, ['worktree', 'add', '--quiet', '--detach', linked]);
  expect(await root(readGitTree('HEAD', { repository: linked }))).toBe(expected);
  expect(await root(readDirectoryTree(linked))).toBe(expected);
});

test('the commit is read, not the work tree and not the index', async () => {
  const repository = smallRepository();
  const expected = await root(readGitTree('HEAD', { repository }));
  writeFileSync(join(repository, 'file'), 'changed');
  writeFileSync(join(repository, 'staged'), '');
  git(repository, ['add', '--all']);
  expect(await root(readGitTree('HEAD', { repository }))).toBe(expected);
  expect(existsSync(join(repository, '.git/index.lock'))).toBe(false);
});

test('contents are those of the repository, whatever filters a checkout would run', async () => {
  const repository = repositoryOf();
  writeFileSync(join(repository, '.gitattributes'), '*.txt text eol=crlf\n*.id ident\n*.up filter=up\n');
  for (const name of ['a.txt', 'a.id', 'a.up']) writeFileSync(join(repository, name), '$Id$ x\n');
  commitAll(repository);
  git(repository, ['config', 'filter.up.smudge', 'tr a-z A-Z']);
  const tree = await readGitTree('HEAD', { repository });
  const digests = Array.from(tree.files(), (file) => hex(file.sha256)).slice(1);
  expect(new Set(digests).size).toBe(1);
});

describe('a revision', () => {
  test('is whatever git resolves to one commit', async () => {
    const repository = smallRepository();
    const first = git(repository, ['rev-parse', 'HEAD']);
    git(repository, ['tag', '--annotate', '--message', 'x', 'v1']);
    writeFileSync(join(repository, 'file'), 'second');
    const second = commitAll(repository);
    for (const revision of ['v1', 'HEAD~1', first, first.slice(0, 12), 'HEAD^', 'refs/tags/v1', 'v1^{}']) {
      expect((await readGitTree(revision, { repository })).commit, revision).toBe(first);
      expect(await isGitRevision(revision, repository), revision).toBe(true);
    }
    expect((await readGitTree('main', { repository })).commit).toBe(second);
  });

  test.each([
    ['', 'nothing'],
    ['nothing-of-this-name', 'an unknown name'],
    ['HEAD:file', 'a file'],
    ['HEAD^{tree}', 'a tree'],
    ['0'.repeat(40), 'an object that is not there'],
    ['--all', 'an option'],
    ['--help', 'an option that git itself has'],
    ['-h', 'a short option'],
    ['--git-dir', 'an option that prints'],
    ['--', 'the end of options'],
    ['^HEAD', 'a negated revision'],
    ['HEAD..HEAD', 'a range'],
    ['HEAD\0', 'a zero byte'],
    ['HEAD\n', 'a newline'],
    ['HEAD --all', 'two words'],
  ])('%j is refused: %s', async (revision) => {
    const repository = smallRepository();
    const { code, message } = await refusalOf(() => readGitTree(revision, { repository }));
    expect(code).toBe('git-failed');
    expect(message).not.toMatch(/[\0-\x1f]/);
    expect(await isGitRevision(revision, repository)).toBe(false);
  });

  test('that begins with a hyphen can be a name all the same', async () => {
    const repository = smallRepository();
    const commit = git(repository, ['rev-parse', 'HEAD']);
    git(repository, ['update-ref', 'refs/heads/--all', commit]);
    expect((await readGitTree('--all', { repository })).commit).toBe(commit);
  });

  test('is resolved in the current directory if no repository is given', async () => {
    expect(await isGitRevision('no-such-revision-anywhere')).toBe(false);
  });
});

describe('a tree of git is refused', () => {
  test('with a submodule', async () => {
    const repository = smallRepository();
    const commit = git(repository, ['rev-parse', 'HEAD']);
    git(repository, ['update-index', '--add', '--cacheinfo', `160000,${commit},vendor/lib`]);
    git(repository, ['commit', '--quiet', '--message', 'x']);
    expect(await refusalOf(() => readGitTree('HEAD', { repository }))).toEqual({
      code: 'source-unrepresentable',
      message: 'vendor/lib cannot be in a source tree: it is a submodule',
    });
  });

  test('without files', async () => {
    const repository = repositoryOf();
    commitAll(repository);
    expect(await codeOf(() => readGitTree('HEAD', { repository }))).toBe('source-unrepresentable');
  });

  test.each<[string, (id: string) => readonly (readonly [string, string, string])[]]>([
    [
      'one name twice',
      (id) => [
        ['100644', id, 'a'],
        ['100755', id, 'a'],
      ],
    ],
    ['the name .git', (id) => [['100644', id, '.git']]],
    ['the name ..', (id) => [['100644', id, '..']]],
    ['a slash in a name', (id) => [['100644', id, '/a']]],
    ['a name that is too long', (id) => [['100644', id, 'a'.repeat(65_535)]]],
  ])('that has %s, which no checkout has', async (_, entries) => {
    const repository = repositoryOf();
    const commit = commitOf(repository, entries(blob(repository)));
    expect(await codeOf(() => readGitTree(commit, { repository }))).toBe('source-unrepresentable');
  });

  test('that has a file and a directory of one name', async () => {
    const repository = repositoryOf();
    const id = blob(repository);
    const tree = git(repository, ['mktree'], `100644 blob ${id}\tb\n`);
    const commit = commitOf(repository, [
      ['100644', id, 'a'],
      ['40000', tree, 'a'],
    ]);
    expect(await codeOf(() => readGitTree(commit, { repository }))).toBe('source-unrepresentable');
  });

  test('of more files, directories or bytes of paths than fit in memory, which eight objects can have', async () => {
    const repository = repositoryOf();
    const id = blob(repository);
    const names = Array.from({ length: 10 }, (_, i) => `${i}`);
    /** A commit of 10^8 of these, eight directories down. */
    const bombOf = (mode: string, leaf: string, end = ''): string => {
      let [entryMode, entry] = [mode, leaf];
      for (let depth = 0; depth < 8; depth++) {
        const entries = names.map((name) => [entryMode, entry, `${name}${end}`] as const);
        [entryMode, entry] = ['40000', git(repository, ['rev-parse', `${commitOf(repository, entries)}^{tree}`])];
      }
      return commitOf(repository, [[entryMode, entry, 'top']]);
    };
    const empty = git(repository, ['mktree']);
    const beyond = 'and no source tree is read with so many';
    for (const [commit, what] of [
      [bombOf('100644', id), '1000000 files'],
      [bombOf('40000', empty), '1000000 directories'],
      [bombOf('100644', id, 'n'.repeat(8000)), '268435456 bytes of paths'],
    ] as const) {
      expect(await refusalOf(() => readGitTree(commit, { repository }))).toEqual({
        code: 'source-unrepresentable',
        message: `there are more than ${what}, ${beyond}`,
      });
    }
  }, 60_000);

  test('of more files than it may have, or more directories', async () => {
    const repository = repositoryOf();
    mkdirSync(join(repository, 'a/b'), { recursive: true });
    for (const file of ['a/b/c', 'd']) writeFileSync(join(repository, file), '');
    commitAll(repository);
    expect((await readGitTree('HEAD', { repository, maxFiles: 2 })).summary.files).toBe(2);
    writeFileSync(join(repository, 'e'), '');
    commitAll(repository);
    expect(await codeOf(() => readGitTree('HEAD', { repository, maxFiles: 2 }))).toBe('source-unrepresentable');
    expect((await readGitTree('HEAD', { repository, maxFiles: 3 })).summary.files).toBe(3);
    rmSync(join(repository, 'e'));
    mkdirSync(join(repository, 'a/b/x'));
    writeFileSync(join(repository, 'a/b/x/c'), '');
    rmSync(join(repository, 'a/b/c'));
    commitAll(repository);
    const { message } = await refusalOf(() => readGitTree('HEAD', { repository, maxFiles: 2 }));
    expect(message).toBe('there are more than 2 directories, and no source tree is read with so many');
  });

  test('but not for a slash in a name, which is that of a path, as in a checkout', async () => {
    const repository = repositoryOf();
    const id = blob(repository);
    const commit = commitOf(repository, [['100644', id, 'a/b']]);
    const tree = await readGitTree(commit, { repository });
    expect(Array.from(tree.files(), ({ path }) => Buffer.from(path).toString())).toEqual(['a/b']);
  });

  test('but not for the mode that old versions of git wrote', async () => {
    const repository = repositoryOf();
    const commit = commitOf(repository, [['100664', blob(repository), 'a']]);
    expect(Array.from((await readGitTree(commit, { repository })).files(), ({ mode }) => mode)).toEqual(['100644']);
  });
});

describe('git cannot do it:', () => {
  test('there is no such directory, or no repository in it', async () => {
    const directory = temporary();
    vi.stubEnv('GIT_CEILING_DIRECTORIES', join(directory, '..'));
    const refusal = await refusalOf(() => readGitTree('HEAD', { repository: directory }));
    expect(refusal.code).toBe('git-failed');
    expect(refusal.message).toMatch(/fatal: not a git repository/);
    expect(await codeOf(() => readGitTree('HEAD', { repository: join(directory, 'missing') }))).toBe('git-failed');
    expect(await isGitRevision('HEAD', directory)).toBe(false);
  });

  test('there is no git', async () => {
    vi.stubEnv('PATH', temporary());
    const refusal = await refusalOf(() => readGitTree('HEAD', { repository: '.' }));
    expect(refusal).toEqual({ code: 'git-failed', message: 'git cannot be run: spawn git ENOENT' });
    expect(await isGitRevision('HEAD')).toBe(false);
  });

  test.each<[string, (path: string) => void]>([
    ['is missing', (path) => rmSync(path)],
    ['is damaged', (path) => writeFileSync(path, 'damaged')],
    ['is empty', (path) => writeFileSync(path, '')],
    ['has other bytes than its name says', (path) => writeFileSync(path, deflateSync('blob 6\0HELLO\n'))],
    ['has another length than its name says', (path) => writeFileSync(path, deflateSync('blob 2\0HE'))],
    ['is a tree', (path) => writeFileSync(path, deflateSync('tree 0\0'))],
  ])('an object %s', async (_, harm) => {
    const repository = smallRepository('hello\n');
    const path = objectPath(repository, git(repository, ['rev-parse', 'HEAD:file']));
    chmodSync(path, 0o644);
    harm(path);
    const refusal = await refusalOf(() => readGitTree('HEAD', { repository }));
    expect(refusal.code).toBe('git-failed');
    expect(refusal.message).toMatch(/file|object/);
  });

  test('a large object is damaged in its middle', async () => {
    const repository = smallRepository('');
    git(repository, ['config', 'core.compression', '0']);
    writeFileSync(join(repository, 'file'), Buffer.alloc(3_000_000, 'noise'));
    commitAll(repository);
    const path = objectPath(repository, git(repository, ['rev-parse', 'HEAD:file']));
    chmodSync(path, 0o644);
    const data = Buffer.from(
      deflateSync(Buffer.concat([Buffer.from('blob 3000000\0'), Buffer.alloc(3_000_000, 'noise')]), { level: 0 }),
    );
    writeFileSync(path, data.subarray(0, 2_000_000));
    expect(await codeOf(() => readGitTree('HEAD', { repository }))).toBe('git-failed');
  });

  test.each(['HEAD^{tree}', 'HEAD:sub'])('the tree %s is missing', async (tree) => {
    const repository = repositoryOf();
    mkdirSync(join(repository, 'sub'));
    writeFileSync(join(repository, 'sub/file'), '');
    commitAll(repository);
    rmSync(objectPath(repository, git(repository, ['rev-parse', tree])));
    const refusal = await refusalOf(() => readGitTree('HEAD', { repository }));
    expect(refusal.code).toBe('git-failed');
    expect(refusal.message).toMatch(/^git ls-tree .*fatal|error/);
  });

  test('a partial clone lacks the contents, which are not fetched', async () => {
    const repository = smallRepository();
    git(repository, ['config', 'uploadpack.allowFilter', 'true']);
    git(repository, ['config', 'uploadpack.allowAnySHA1InWant', 'true']);
    const clone = join(temporary(), 'clone');
    git(repository, ['clone', '--quiet', '--bare', '--filter=blob:none', `file://${repository}`, clone]);
    const refusal = await refusalOf(() => readGitTree('HEAD', { repository: clone }));
    expect(refusal.code).toBe('git-failed');
    expect(git(clone, ['rev-list', '--objects', '--missing=print', 'HEAD'])).toMatch(/^\?/m);
    // git itself would have fetched it.
    git(clone, ['cat-file', 'blob', 'HEAD:file']);
    expect((await readGitTree('HEAD', { repository: clone })).summary.files).toBe(1);
  });

  test('a shallow clone has what it needs', async () => {
    const repository = smallRepository();
    writeFileSync(join(repository, 'file'), 'second');
    commitAll(repository);
    const clone = join(temporary(), 'clone');
    git(repository, ['clone', '--quiet', '--depth', '1', `file://${repository}`, clone]);
    expect(await root(readGitTree('HEAD', { repository: clone }))).toBe(
      await root(readGitTree('HEAD', { repository })),
    );
    expect(await codeOf(() => readGitTree('HEAD~1', { repository: clone }))).toBe('git-failed');
  });
});

describe('a repository is read as it is:', () => {
  test('replacements and grafts of objects do not count', async () => {
    const repository = smallRepository('genuine');
    const expected = await root(readGitTree('HEAD', { repository }));
    git(repository, ['replace', git(repository, ['rev-parse', 'HEAD:file']), blob(repository, 'replaced')]);
    expect(git(repository, ['cat-file', 'blob', 'HEAD:file'])).toBe('replaced');
    expect(await root(readGitTree('HEAD', { repository }))).toBe(expected);
    const other = commitOf(repository, [['100644', blob(repository, 'another tree'), 'file']]);
    git(repository, ['replace', 'HEAD', other]);
    expect(await root(readGitTree('HEAD', { repository }))).toBe(expected);
  });

  test('the environment leads git to no other repository', async () => {
    const repository = smallRepository('this one');
    const other = smallRepository('the other one');
    const expected = await root(readGitTree('HEAD', { repository }));
    vi.stubEnv('GIT_DIR', join(other, '.git'));
    vi.stubEnv('GIT_WORK_TREE', other);
    vi.stubEnv('GIT_INDEX_FILE', join(other, '.git/index'));
    vi.stubEnv('GIT_OBJECT_DIRECTORY', join(other, '.git/objects'));
    vi.stubEnv('GIT_COMMON_DIR', join(other, '.git'));
    vi.stubEnv('GIT_NAMESPACE', 'other');
    expect(await root(readGitTree('HEAD', { repository }))).toBe(expected);
  });

  test('objects of alternates that only the environment names are not seen', async () => {
    const repository = smallRepository('this one');
    const other = smallRepository('the other one');
    const commit = git(other, ['rev-parse', 'HEAD']);
    vi.stubEnv('GIT_ALTERNATE_OBJECT_DIRECTORIES', join(other, '.git/objects'));
    expect(await codeOf(() => readGitTree(commit, { repository }))).toBe('git-failed');
  });

  test('configuration that the environment carries still holds', async () => {
    const repository = smallRepository();
    vi.stubEnv('GIT_CONFIG_COUNT', 'nonsense');
    const { message } = await refusalOf(() => readGitTree('HEAD', { repository }));
    expect(message).toMatch(/bogus count in GIT_CONFIG_COUNT/);
  });
});

describe('a program called git that says nonsense is refused:', () => {
  const id = 'ce013625030ba8dba906f756967f9e9ca394464a';
  const commit = '1'.repeat(40);

  /** Puts a script in git's place, which answers each command with what is given here. */
  function pretend({
    resolve = `echo ${commit}`,
    list = `printf '100644 blob ${id}\\tfile\\0'`,
    read = `printf '${id} blob 6\\nhello\\n\\n'`,
  }: {
    resolve?: string;
    list?: string;
    read?: string;
  }): void {
    const directory = temporary();
    const script = `#!/bin/sh
case "$*" in
*rev-parse*) ${resolve} ;;
*ls-tree*) ${list} ;;
*cat-file*) cat > /dev/null; ${read} ;;
esac
`;
    writeFileSync(join(directory, 'git'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${directory}${delimiter}${process.env['PATH']}`);
  }

  test('not one that says the truth', async () => {
    pretend({});
    expect((await readGitTree('x')).summary).toMatchObject({ files: 1, size: 6 });
  });

  test.each<[string, Parameters<typeof pretend>[0]]>([
    ['no commit', { resolve: 'true' }],
    ['half a commit', { resolve: 'echo 1234' }],
    ['two commits', { resolve: `echo ${commit}; echo ${commit}` }],
    ['a commit without a newline', { resolve: `printf ${commit}` }],
    ['a commit and a failure', { resolve: `echo ${commit}; exit 3` }],
    ['a commit that never ends', { resolve: 'yes 1 | tr -d "\\n"' }],
    ['an entry without its end', { list: `printf '100644 blob ${id}\\tfile'` }],
    ['an entry of another form', { list: `printf '100644 ${id} file\\0'` }],
    ['entries and a failure', { list: `printf '100644 blob ${id}\\tfile\\0'; exit 128` }],
    ['a path that never ends', { list: `printf '100644 blob ${id}\\t'; yes a` }],
    ['nothing for a content', { read: 'true' }],
    ['another object', { read: `printf '${id.replace('c', 'd')} blob 6\\nhello\\n\\n'` }],
    ['another type', { read: `printf '${id} tree 6\\nhello\\n\\n'` }],
    ['no size', { read: `printf '${id} blob\\nhello\\n\\n'` }],
    ['a size that is none', { read: `printf '${id} blob 0x6\\nhello\\n\\n'` }],
    ['another size', { read: `printf '${id} blob 5\\nhello\\n\\n'` }],
    ['a larger size', { read: `printf '${id} blob 7\\nhello\\n\\n\\n'` }],
    ['a content that ends early', { read: `printf '${id} blob 6\\nhel'` }],
    ['other bytes', { read: `printf '${id} blob 6\\nHELLO\\n\\n'` }],
    ['no newline behind a content', { read: `printf '${id} blob 6\\nhello\\n'` }],
    ['something else behind a content', { read: `printf '${id} blob 6\\nhello\\nx'` }],
    ['one content too many', { read: `printf '${id} blob 6\\nhello\\n\\n${id} blob 6\\nhello\\n\\n'` }],
    ['all contents and a failure', { read: `printf '${id} blob 6\\nhello\\n\\n'; exit 1` }],
  ])('%s', async (_, lies) => {
    pretend(lies);
    expect(await codeOf(() => readGitTree('x'))).toBe('git-failed');
  });

  test('its words are shown, cut and without control characters', async () => {
    pretend({ list: `printf 'fatal: \\033[2Jno\\nsecond line\\n' >&2; exit 128` });
    expect((await refusalOf(() => readGitTree('x'))).message).toBe(
      `git ls-tree -r -t -z --full-tree ${commit} failed: fatal:\\x20\\x1b[2Jno; second line`,
    );
    pretend({ resolve: 'yes words | head -c 1000000 >&2; exit 1' });
    expect((await refusalOf(() => readGitTree('x'))).message.length).toBeLessThan(6000);
    pretend({ resolve: 'kill -9 $$' });
    expect((await refusalOf(() => readGitTree('x'))).message).toMatch(/it ended with SIGKILL$/);
  });
});

test('reading ends with the reason of its signal, before and during', async () => {
  const repository = repositoryOf();
  for (let i = 0; i < 300; i++) writeFileSync(join(repository, `${i}`), `${i}`);
  commitAll(repository);
  const reason = new Error('enough');
  await expect(readGitTree('HEAD', { repository, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  let most = 0;
  const reading = readGitTree('HEAD', {
    repository,
    signal: controller.signal,
    onProgress: ({ files }) => {
      most = files;
      if (files === 5) controller.abort(reason);
    },
  });
  await expect(reading).rejects.toBe(reason);
  expect(most).toBe(5);
});

test('a git that hangs ends with the signal', async () => {
  const directory = temporary();
  writeFileSync(join(directory, 'git'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
  vi.stubEnv('PATH', `${directory}${delimiter}${process.env['PATH']}`);
  const reading = readGitTree('HEAD', { signal: AbortSignal.timeout(100) });
  await expect(reading).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('progress counts all files and bytes', async () => {
  const repository = smallRepository('x'.repeat(200_000));
  appendFileSync(join(repository, 'other'), 'yy');
  commitAll(repository);
  const seen: SourceProgress[] = [];
  await readGitTree('HEAD', { repository, onProgress: (progress) => seen.push(progress) });
  expect(seen.at(-1)).toEqual({ files: 2, size: 200_002 });
});

test('a file of a commit is proven', async () => {
  const tree = await readGitTree('HEAD', { repository: smallRepository() });
  expect(await codeOf(() => tree.prove(bytes('other')))).toBe('source-missing');
  expect((await tree.prove(bytes('file'))).files).toBe(1);
});
