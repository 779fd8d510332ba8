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
  const moments = await killAgents({ rounds: ROUNDS, seed: SEED, deltas: true });
  console.info(Object.fromEntries(moments));
  // Otherwise the kills have missed what they are for.
  const during = (moments.get('in the file') ?? 0) + (moments.get('file written') ?? 0);
  expect(during).toBeGreaterThan(ROUNDS / 10);
  expect(moments.get('new one current') ?? 0).toBeGreaterThan(0);
});

/** The agent with something changed. */
function broken(changes: readonly (readonly [file: string, from: string, to: string])[]): string {
  // Where its packages are found.
  const modules = fileURLToPath(new URL('../../../../node_modules/', import.meta.url));
  const directory = mkdtempSync(join(modules, '.vitrine-agent-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(dirname(AGENT), directory, { recursive: true });
  for (const [file, from, to] of changes) {
    const source = readFileSync(join(directory, file), 'utf8');
    if (source.split(from).length !== 2) throw new Error(`${file} does not have ${from} once`);
    writeFileSync(
      join(directory, file),
      source.replace(from, () => to),
    );
  }
  return join(directory, 'agent.js');
}

test.each([
  [
    'writes the file in place',
    /half-written/,
    [
      [
        'generations.js',
        "join(directory, 'releases', String(current === undefined ? 1 : Number(basename(current)) + 1))",
        "join(directory, 'releases', '1')",
      ],
      ['generations.js', 'await mkdir(this.next);', 'await mkdir(this.next, { recursive: true });'],
      ['agent.js', 'await link(oldPath, path);', ''],
    ],
  ],
  [
    'writes the state before the file is current',
    /^the state is of release \d+, and release \d+ is installed$/,
    [
      [
        'agent.js',
        'const { how, ...obtained }',
        `if (old) await writeDurably(join(old, \`\${name}.state\`), formatState(decide(artifact).state));
    const { how, ...obtained }`,
      ],
    ],
  ],
  [
    'writes the state after the file is current',
    /ENOENT.*daily\.db\.state/,
    [
      [
        'agent.js',
        `await writeDurably(join(next, \`\${name}.state\`), formatState(decision.state));
    await generations.commit();`,
        `await generations.commit();
    await writeDurably(join(next, \`\${name}.state\`), formatState(decision.state));`,
      ],
    ],
  ],
] as const)('of an agent that %s the same kills find it', { timeout: 600_000 }, async (_, message, changes) => {
  const program = broken(changes);
  await expect(killAgents({ rounds: 200, seed: SEED, deltas: true, program })).rejects.toThrow(message);
});
