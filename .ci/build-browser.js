// The browser build of the verifier: one ES module, and beside it ML-DSA-44, which is loaded for trust files that need it.
// `node .ci/build-browser.js [directory]`; without a directory it goes where the package is published from. Prints what both
// weigh.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';
import { noticesOf } from './notices.js';

const packages = resolve(import.meta.dirname, '..', 'packages');
const directory = resolve(process.argv[2] ?? join(packages, 'verifier', 'dist', 'browser'));

/** ML-DSA-44 is a module of its own, so that the verifier exports what it is to export and nothing that the two share. */
const mlDsaBeside = {
  name: 'ml-dsa-beside',
  resolveId: (id) => (id.endsWith('/ml-dsa.ts') ? { id: './ml-dsa.js', external: 'relative' } : undefined),
};

/** cbor-x asks for `new Function` when it is loaded, and does without if that fails. Its own builds for pages that forbid it differ in this. */
const noEval = {
  name: 'no-eval',
  transform: (code, id) =>
    id.includes(join(sep, 'cbor-x', sep))
      ? // No line moves, so the source map stays.
        { code: code.replaceAll('new Function(', 'new BlockedFunction('), map: null }
      : undefined,
};

async function bundle(input, file, plugins) {
  const { output } = await build({
    input: join(packages, input),
    write: false,
    platform: 'browser',
    resolve: { conditionNames: ['@vitrine/source', 'browser', 'module', 'import', 'default'] },
    transform: { target: 'es2022' },
    plugins,
    output: { dir: directory, entryFileNames: file, format: 'es', minify: true, sourcemap: true },
  });
  const chunks = output.filter(({ type }) => type === 'chunk');
  if (chunks.length !== 1) throw new Error(`${file} is ${chunks.length} modules`);
  const [{ code, imports, map, moduleIds }] = chunks;
  if (imports.length > 0) throw new Error(`${file} imports ${imports}`);
  if (/\beval\(|\bnew Function\b|\bFunction\(/.test(code)) throw new Error(`${file} makes code from text`);
  writeFileSync(join(directory, file), code);
  writeFileSync(join(directory, `${file}.map`), map.toString());
  console.log(`${file}: ${gzipSync(code, { level: 9 }).length} bytes gzipped, ${code.length} without`);
  return moduleIds;
}

mkdirSync(directory, { recursive: true });
const ofVerifier = await bundle('verifier/src/browser.ts', 'verifier.js', [mlDsaBeside, noEval]);
const ofMlDsa = await bundle('core/src/ml-dsa.ts', 'ml-dsa.js', []);
writeFileSync(join(directory, 'NOTICES.txt'), noticesOf([...ofVerifier, ...ofMlDsa]));
