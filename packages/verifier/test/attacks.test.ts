import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build as bundleCode } from 'vite';
import { afterAll, describe, expect, test } from 'vitest';
import type * as Verifier from '../src/index.ts';
import * as honest from '../src/index.ts';
import type { Mutation } from './attack.ts';
import { ATTACKS } from './attacks.ts';
import type { Attempt } from './attempt.ts';
import { NOW, utf8 } from './world.ts';

type Code = Pick<typeof Verifier, 'parseTrust' | 'verifyRelease'>;

function decide({ parseTrust, verifyRelease }: Code, attempt: Attempt): Verifier.Decision {
  const { request, bundle, trust, now = NOW, state, options } = attempt;
  return verifyRelease(request, bundle, parseTrust(utf8(trust)), now, state, options);
}

describe('refused is', () => {
  test.each(ATTACKS)('$name ($code)', async ({ attempt, code }) => {
    const tried = await attempt();
    let error: unknown;
    try {
      decide(honest, tried);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(honest.Refusal);
    expect((error as Verifier.Refusal).code, (error as Error).message).toBe(code);
  });
});

const packages = resolve(import.meta.dirname, '..', '..');
const directory = mkdtempSync(join(tmpdir(), 'vitrine-mutants-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** The verifier, with checks removed from its code. */
async function without(checks: readonly Mutation[], name: string): Promise<Code> {
  const changed = new Set<Mutation>();
  const result = await bundleCode({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@vitrine/source', 'node', 'module', 'import', 'default'] },
    ssr: { noExternal: true, resolve: { conditions: ['@vitrine/source', 'node', 'module', 'import', 'default'] } },
    plugins: [
      {
        name: 'remove-checks',
        enforce: 'pre',
        load: (id) => {
          const here = checks.filter(({ file }) => id === join(packages, file));
          if (here.length === 0) return undefined;
          return here.reduce(
            (code, check) => {
              expect(code.split(check.find), `${check.file}: ${check.find}`).toHaveLength(2);
              changed.add(check);
              return code.replace(check.find, () => check.replace);
            },
            readFileSync(id, 'utf8'),
          );
        },
      },
    ],
    build: { write: false, minify: false, target: 'es2022', ssr: join(packages, 'verifier/src/index.ts') },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !('output' in output)) throw new Error('nothing was built');
  expect(changed.size).toBe(checks.length);
  const path = join(directory, `${name.replaceAll(/[^a-z]+/g, '-')}.mjs`);
  writeFileSync(path, output.output[0].code);
  return import(/* @vite-ignore */ pathToFileURL(path).href);
}

describe('accepted would be, without the check that it targets,', () => {
  test.each(ATTACKS.filter(({ check }) => check.length > 0))('$name', async ({ name, attempt, check }) => {
    const tried = await attempt();
    const mutant = await without(check, name);
    expect(decide(mutant, tried).finding.release).toBeDefined();
  });
});
