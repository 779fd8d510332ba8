import { createContext, runInContext } from 'node:vm';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { EXAMPLES, statementOf } from './examples.ts';

test('statements are opened where there is nothing of Node', async () => {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@vitrine/source', 'browser', 'module', 'import', 'default'] },
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: {
        entry: new URL('../../src/index.ts', import.meta.url).pathname,
        formats: ['iife'],
        name: 'vitrine',
        fileName: 'vitrine',
      },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !('output' in output)) throw new Error('nothing was built');
  const example = EXAMPLES[0]!;
  const context = createContext({ TextEncoder, TextDecoder });
  runInContext(output.output[0].code, context);
  // Arrays of its own: another realm's are no instances of its classes.
  Object.assign(context, { bytes: [...(await statementOf(example))], publicKey: [...example.key.vkey.publicKey] });
  Object.assign(context, { key: example.key.vkey });
  const opened = runInContext(
    `const { openStatement } = vitrine;
     const keys = [{ ...key, publicKey: Uint8Array.from(publicKey) }];
     const statement = openStatement(Uint8Array.from(bytes), keys);
     let refused;
     try {
       openStatement(Uint8Array.from([...bytes.slice(0, -1), bytes.at(-1) ^ 1]), keys);
     } catch (error) {
       refused = error.code;
     }
     ({ type: statement.payload.type, stream: statement.stream, refused, process: typeof process, buffer: typeof Buffer });`,
    context,
  );
  expect(opened).toEqual({
    type: 'source',
    stream: 'acme-endpoint',
    refused: 'statement-signature',
    process: 'undefined',
    buffer: 'undefined',
  });
});
