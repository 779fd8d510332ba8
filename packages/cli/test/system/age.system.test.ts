import { spawnSync } from 'node:child_process';
import { parsePrivateKey } from '@vitrine/core';
import { expect, test } from 'vitest';
import { workspace } from '../support/workspace.ts';

const PASSPHRASE = 'correct horse battery staple';

/** Runs age, which asks for passphrases on a terminal only: `script` gives it one and types `typed`. */
function age(cwd: string, args: string, typed: string): { status: number | null; output: string } {
  const { status, stdout } = spawnSync('script', ['-qec', `age ${args}`, '/dev/null'], {
    cwd,
    encoding: 'utf8',
    input: typed,
  });
  return { status, output: stdout };
}

test('age opens a key that vitrine encrypted', async () => {
  const w = workspace();
  const env = { VITRINE_PASSPHRASE_FILE: w.write('passphrase', PASSPHRASE) };
  const made = await w.run(['key', 'generate', 'example.com/log', '--out', 'k', '--passphrase'], { env });
  expect(made.status).toBe(0);
  expect(age(w.path('.'), '-d -o plain k', `${PASSPHRASE}\n`)).toMatchObject({ status: 0 });
  expect(parsePrivateKey(w.read('plain').toString().trimEnd()).vkey.keyName).toBe('example.com/log');
  expect(age(w.path('.'), '-d -o wrong k', 'wrong\n').status).not.toBe(0);
});

test.each(['', '-a'])('vitrine opens a key that age -p %s encrypted', async (armor) => {
  const w = workspace();
  const env = { VITRINE_PASSPHRASE_FILE: w.write('passphrase', PASSPHRASE) };
  const made = await w.run(['key', 'generate', 'example.com/log', '--out', 'plain']);
  expect(age(w.path('.'), `-p ${armor} -o k plain`, `${PASSPHRASE}\n${PASSPHRASE}\n`)).toMatchObject({ status: 0 });
  expect(await w.run(['key', 'show', 'k'], { env })).toMatchObject({ status: 0, stdout: made.stdout });
});
