import { type Bundle, formatBundle, parseBundle } from '../src/bundle/bundle.ts';
import type { ReleaseRequest } from '../src/decision/artifact.ts';
import { type VerifyOptions, verifyRelease } from '../src/decision/verify.ts';
import { Refusal } from '../src/refusal.ts';
import type { AgentState } from '../src/state/state.ts';
import { parseTrust } from '../src/trust/parse-trust.ts';
import { build, database, download, NOW, source, TRUST_HEAD, utf8, World } from './world.ts';

/** All that a decision gets. The trust file is text, so that its parser is part of what is attacked. */
export interface Attempt {
  readonly request: ReleaseRequest;
  readonly bundle: Uint8Array;
  readonly trust: string;
  readonly now?: number;
  readonly state?: AgentState;
  readonly options?: VerifyOptions;
}

/** A trust file's text with these release lines. */
export const trustText = (...lines: readonly string[]): string => `${[...TRUST_HEAD, ...lines].join('\n')}\n`;

export const TOOL = trustText('release tool/* signed-by acme any-age');
export const DAILY = trustText('release daily signed-by acme any-age');
export const FRESH = trustText('release daily signed-by acme max-age 1h');
export const LATEST = trustText('release daily signed-by acme max-age 1h latest');
export const REVIEWED = trustText('release tool/* signed-by acme any-age reviewed-by r1');
export const REPRODUCED = trustText('release tool/* signed-by acme any-age reproduced-by r1');
export const SOURCE_REVIEWED = trustText('release tool/* signed-by acme any-age source-reviewed-by r1');

export const tool = (content: string): ReleaseRequest => ({ stream: 'tool/stable', ...download(content) });
export const daily = (content: string): ReleaseRequest => ({ stream: 'daily', ...download(content) });

/** A bundle with something else in it. */
export const changed = (bytes: Uint8Array, change: (bundle: Bundle) => Partial<Bundle>): Uint8Array => {
  const bundle = parseBundle(bytes);
  return formatBundle({ ...bundle, ...change(bundle) });
};

/** A world with one database release, and what follows it. */
export async function withDaily(content = 'one'): Promise<{ world: World; leaf: number; leafHash: Uint8Array }> {
  const world = await World.create();
  return { world, ...(await world.say(database(1, content))) };
}

export async function withTool(): Promise<{
  world: World;
  src: { leafHash: Uint8Array; leaf: number };
  leaf: number;
  leafHash: Uint8Array;
}> {
  const world = await World.create();
  const src = await world.say(source());
  return { world, src, ...(await world.say(build({ 'tool.tgz': 'tool' }, { of: src.leafHash }))) };
}

/** The state after what is accepted. */
export function stateAfter({ request, bundle, trust, now = NOW, state }: Attempt): AgentState {
  return verifyRelease(request, bundle, parseTrust(utf8(trust)), now, state).state;
}

/** The state of an agent that has installed a release. */
export async function installed(world: World, leaf: number, content: string, trust = DAILY): Promise<AgentState> {
  return stateAfter({ request: daily(content), bundle: await world.bundle(leaf), trust });
}

/** The state that a refusal leaves. */
export function stateAfterRefusal({ request, bundle, trust, now = NOW, state }: Attempt): AgentState {
  try {
    verifyRelease(request, bundle, parseTrust(utf8(trust)), now, state);
  } catch (error) {
    if (error instanceof Refusal && error.state !== undefined) return error.state;
    throw error;
  }
  throw new Error('it was accepted');
}

/** A bundle with other statements, which are in the log, and the proof of those. */
export async function withStatements(
  world: World,
  bytes: Uint8Array,
  leaves: readonly number[],
  { earlier = [], release }: { readonly earlier?: readonly number[]; readonly release?: number } = {},
): Promise<Uint8Array> {
  const { size } = world.log.checkpoint();
  const { proof, oldTrees } = await world.log.proveMulti({ indices: [...leaves, size - 1], oldSizes: earlier }, size);
  const statements = await Promise.all(leaves.map(async (index) => ({ index, entry: await world.log.entry(index) })));
  return changed(bytes, () => ({
    statements,
    proof,
    earlier: oldTrees,
    ...(release !== undefined && { release }),
  }));
}
