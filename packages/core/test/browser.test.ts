import { createContext, runInContext } from 'node:vm';
import { build } from 'vite';
import { expect, test } from 'vitest';

/** Bundles an entry point as a browser would get it, from the source. */
async function bundle(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@vitrine/source', 'browser', 'module', 'import', 'default'] },
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry, formats: ['iife'], name: 'vitrine', fileName: 'vitrine' },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !('output' in output)) throw new Error('nothing was built');
  expect(output.output).toHaveLength(1);
  return output.output[0].code;
}

const entryPoint = (name: string): string => new URL(`../src/${name}`, import.meta.url).pathname;

test('the pure layer runs where there is nothing of Node', async () => {
  const code = await bundle(entryPoint('index.ts'));
  const context = createContext({ TextEncoder, TextDecoder });
  runInContext(code, context);
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

test('ML-DSA is not part of the main entry point, and is one of its own', async () => {
  const [main, mlDsa] = await Promise.all([bundle(entryPoint('index.ts')), bundle(entryPoint('ml-dsa.ts'))]);
  // The modulus of ML-DSA, FIPS 204, table 1.
  expect(main).not.toMatch(/8380417/);
  expect(mlDsa).toMatch(/8380417/);
});
