// The command as it is published: a few modules instead of some hundred, so that it starts in half the time.
// `node .ci/build-command.js [directory]`; the directory has to stand beside packages/cli/dist, because the command looks for its
// package.json above itself.
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'rolldown';
import { noticesOf } from './notices.js';

const source = resolve(import.meta.dirname, '..', 'packages', 'cli', 'src');
const directory = resolve(process.argv[2] ?? join(source, '..', 'command'));

rmSync(directory, { recursive: true, force: true });
const { output } = await build({
  input: { main: join(source, 'main.ts'), 'hash-worker': join(source, 'hash-worker.ts') },
  platform: 'node',
  resolve: { conditionNames: ['@vitrine/source', 'node', 'import', 'default'] },
  // Native code comes as packages of its own.
  external: ['level', 'cbor-extract'],
  transform: { target: 'es2022' },
  output: { dir: directory, entryFileNames: '[name].js', format: 'es', minify: { mangle: false }, sourcemap: true },
});
const modules = output.filter(({ type }) => type === 'chunk').flatMap(({ moduleIds }) => moduleIds);
writeFileSync(join(directory, 'NOTICES.txt'), noticesOf(modules));
