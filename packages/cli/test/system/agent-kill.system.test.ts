import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { AGENT } from '../support/agent-feed.ts';
import { killAgents } from '../support/agent-kills.ts';

const ROUNDS = Number(process.env['AGENT_KILL_ROUNDS'] ?? 100);
const SEED = Number(process.env['SEED'] ?? 1);

test(`an agent that is killed at ${ROUNDS} moments (seed ${SEED}) leaves a release that is whole, and its state`, {
  timeout: 1_200_000,
}, async () => {
  const moments = await killAgents({ kills: ROUNDS, seed: SEED, deltas: true });
  console.info(Object.fromEntries(moments));
  // Otherwise the kills have missed what they are for.
  const during = (moments.get('in the file') ?? 0) + (moments.get('file written') ?? 0);
  expect(during).toBeGreaterThan(ROUNDS / 10);
  expect(moments.get('new one current') ?? 0).toBeGreaterThan(0);
});

/** The agent with something changed. */
function broken(changes: readonly (readonly [from: string, to: string])[]): string {
  // Where its packages are found.
  const modules = fileURLToPath(new URL('../../../../node_modules/', import.meta.url));
  const directory = mkdtempSync(join(modules, '.vitrine-agent-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(dirname(AGENT), directory, { recursive: true });
  let source = readFileSync(join(directory, 'agent.js'), 'utf8');
  for (const [from, to] of changes) {
    if (source.split(from).length !== 2) throw new Error(`the agent does not have once: ${from}`);
    source = source.replace(from, () => to);
  }
  writeFileSync(join(directory, 'agent.js'), source);
  return join(directory, 'agent.js');
}

test.each([
  [
    'writes the file in place',
    /half-written/,
    [
      [
        'const path = join(next, name);\n  const oldPath = old && join(old, name);',
        'const oldPath = old && join(old, name);\n  const path = oldPath ?? join(next, name);',
      ],
      ['await link(oldPath, path);', ''],
      ['const decision =', 'if (old) await link(join(old, name), join(next, name));\n    const decision ='],
    ],
  ],
  [
    'writes the state before the file is current',
    /^the state is of release \d+, and release \d+ is installed$/,
    [
      [
        'const how = await obtain',
        `if (old) await writeDurably(join(old, \`\${name}.state\`), formatState(decide(artifact).state));
    const how = await obtain`,
      ],
    ],
  ],
] as const)('of an agent that %s the same kills find it', { timeout: 600_000 }, async (_, message, changes) => {
  const program = broken(changes);
  // A file in place can also be found whole, with the state of the one before it. Then it takes other moments.
  let found: string | undefined;
  for (let seed = SEED; seed < SEED + 10 && (found === undefined || !message.test(found)); seed++) {
    found = await killAgents({ kills: 200, seed, deltas: false, program }).then(
      () => expect.unreachable('nothing was found'),
      (error: Error) => error.message,
    );
  }
  expect(found).toMatch(message);
});
