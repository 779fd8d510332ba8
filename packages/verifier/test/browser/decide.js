// Runs wherever a verifier runs: in a page, in a worker, in Node, and in Node without what is Node's. What goes in and comes out
// is JSON.

/**
 * What a decision gets, byte strings in base64.
 * @typedef {object} PlainAttempt
 * @property {{ stream: string, name?: string, digest: string, size: number }} request
 * @property {string} bundle
 * @property {string} trust
 * @property {number} now
 * @property {string} [state]
 * @property {{ maxAge?: number, installed?: boolean }} [options]
 */

/**
 * What it came to, byte strings in base64.
 * @typedef {{ finding?: unknown, refused?: string, message?: string, state?: string }} PlainOutcome
 */

// The built module lies beside this one when it runs in a browser.
const BUILT = './verifier.js';

/** @param {string} text */
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** @param {Uint8Array} value */
const base64 = (value) => btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''));

/**
 * @param {PlainAttempt} attempt
 * @returns {Promise<PlainOutcome>}
 */
async function decide({ formatState, parseState, parseTrust, Refusal, trustSchemes, verifyRelease }, attempt) {
  try {
    const trust = parseTrust(bytes(attempt.trust));
    const schemes = await trustSchemes(trust);
    const request = { ...attempt.request, digest: bytes(attempt.request.digest) };
    const before = attempt.state === undefined ? undefined : parseState(bytes(attempt.state));
    const options = { ...attempt.options, schemes };
    const { finding, state } = verifyRelease(request, bytes(attempt.bundle), trust, attempt.now, before, options);
    const plain = JSON.stringify(finding, (_, value) => (value instanceof Uint8Array ? base64(value) : value));
    return { finding: JSON.parse(plain), state: base64(formatState(state)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, state } = error;
    return { refused: code, message, ...(state !== undefined && { state: base64(formatState(state)) }) };
  }
}

/**
 * @param {readonly PlainAttempt[]} attempts
 * @returns {Promise<PlainOutcome[]>}
 */
export async function decideAll(verifier, attempts) {
  const outcomes = [];
  for (const attempt of attempts) outcomes.push(await decide(verifier, attempt));
  return outcomes;
}

/** @param {readonly PlainAttempt[]} attempts */
export async function decideBuilt(attempts) {
  return decideAll(await import(/* @vite-ignore */ BUILT), attempts);
}

/** Whether code can be made from text here. */
export function mayEval() {
  try {
    return new Function('return true')();
  } catch {
    return false;
  }
}
