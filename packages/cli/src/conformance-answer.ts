import { CoreError, formatBase64, parseBase64 } from '@vitrine/core';
import { parseState, Refusal } from '@vitrine/verifier';
import { cut } from './text.ts';

/** What a program says of a case: docs/json/conformance-answer.schema.json. A finding is compared, and otherwise not looked into. */
export type Answer =
  | { readonly accepted: object; readonly state: string }
  | { readonly refused: string; readonly state?: string };

/** A value as an answer; undefined if it is none. */
export function asAnswer(value: unknown): Answer | undefined {
  if (!isObject(value)) return undefined;
  const names = Object.keys(value).sort().join();
  const { accepted, refused, state } = value;
  if (state !== undefined && typeof state !== 'string') return undefined;
  if (names === 'accepted,state' && isObject(accepted) && state !== undefined) return { accepted, state };
  if (typeof refused !== 'string') return undefined;
  if (names === 'refused') return { refused };
  return names === 'refused,state' && state !== undefined ? { refused, state } : undefined;
}

/** In what an answer is not the expected one, in words; undefined if it is. The order of an object's fields has no meaning. */
export function differenceOf(expected: Answer, found: Answer): string | undefined {
  if ('refused' in expected || 'refused' in found) {
    const [wanted, got] = [verdict(expected), verdict(found)];
    if (wanted !== got) return `expected ${wanted}, found ${got}`;
  } else {
    const difference = firstDifference(expected.accepted, found.accepted, '');
    if (difference !== undefined) return `the finding differs in ${difference}`;
  }
  return stateDifference(expected.state, found.state);
}

const verdict = (answer: Answer): string => ('refused' in answer ? `refused with ${answer.refused}` : 'accepted');

function stateDifference(expected: string | undefined, found: string | undefined): string | undefined {
  if (expected === found) return undefined;
  if (expected === undefined) return 'the state does not change with this refusal, and the answer has one';
  if (found === undefined) return 'the next state is missing';
  try {
    const difference = firstDifference(stateJson(expected), stateJson(found), '');
    return `the next state differs in ${difference}`;
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof CoreError)) throw error;
    return `the next state cannot be read: ${error.message}`;
  }
}

/** A state with its bytes in base64. */
function stateJson(base64: string): unknown {
  const state = parseState(parseBase64(base64, 'the state'));
  return JSON.parse(JSON.stringify(state, (_, value) => (value instanceof Uint8Array ? formatBase64(value) : value)));
}

/** Where two JSON values differ first, and how. */
function firstDifference(expected: unknown, found: unknown, path: string): string | undefined {
  if (isContainer(expected) && isContainer(found) && Array.isArray(expected) === Array.isArray(found)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      const inner = Array.isArray(expected) ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      const difference = firstDifference(own(expected, name), own(found, name), inner);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  return Object.is(expected, found) ? undefined : `${path}: expected ${shown(expected)}, found ${shown(found)}`;
}

type Container = Readonly<Record<string, unknown>>;

const own = (value: Container, name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);

const MAX_SHOWN = 100;

const shown = (value: unknown): string => (value === undefined ? 'nothing' : cut(JSON.stringify(value), MAX_SHOWN));

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function isObject(value: unknown): value is Container {
  return isContainer(value) && !Array.isArray(value);
}
