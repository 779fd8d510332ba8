import { createContext, runInContext } from 'node:vm';
import { build, type Rolldown } from 'vite';
import { expect, test } from 'vitest';

/** An entry point as a browser would get it, from the source: its chunks, the entry point first. */
async function bundle(entry: string, format: 'es' | 'iife'): Promise<readonly string[]> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@vitrine/source', 'browser', 'module', 'import', 'default'] },
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry, formats: [format], name: 'vitrine', fileName: 'vitrine' },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !('output' in output)) throw new Error('nothing was built');
  const chunks = output.output.filter((one): one is Rolldown.OutputChunk => one.type === 'chunk');
  return chunks.map(({ code }) => code);
}

const entryPoint = (name: string): string => new URL(`../src/${name}`, import.meta.url).pathname;

test('the pure layer runs where there is nothing of Node', async () => {
  const [code] = await bundle(entryPoint('index.ts'), 'iife');
  const context = createContext({ TextEncoder, TextDecoder });
  runInContext(code!, context);
  const verified = runInContext(
    `const { leafHash, nodeHash, verifyInclusion, parseVkey, openNote, parseSignedNote, verifyCheckpoint, parsePolicy } = vitrine;
     const leaves = [1, 2].map((n) => leafHash(Uint8Array.of(n)));
     verifyInclusion({ index: 1, size: 2, leafHash: leaves[1], proof: [leaves[0]], root: nodeHash(...leaves) });
     let refused;
     try {
       verifyInclusion({ index: 0, size: 2, leafHash: leaves[1], proof: [leaves[0]], root: nodeHash(...leaves) });
     } catch (error) {
       refused = error.code;
     }
     const key = parseVkey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
     ({ refused, typeofProcess: typeof process, typeofBuffer: typeof Buffer, keyName: key.keyName });`,
    context,
  );
  expect(verified).toEqual({
    refused: 'proof-mismatch',
    typeofProcess: 'undefined',
    typeofBuffer: 'undefined',
    keyName: 'example.com/foo',
  });
});

test('ML-DSA is not part of the main entry point: it is in another chunk, for what loads it', async () => {
  const [main, ...others] = await bundle(entryPoint('index.ts'), 'es');
  // The modulus of ML-DSA, FIPS 204, table 1.
  expect(main).not.toMatch(/8380417/);
  expect(others.join('\n')).toMatch(/8380417/);
});
