// Vitrine's own verifier, as `vitrine conformance` runs any program: a case comes in as a JSON object, an answer goes out as
// one. A verifier in another language needs the same few lines around it.
//
//   vitrine conformance -- node examples/conformance/verifier.js

import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { findingJson, formatState, NO_STATE, parseState, parseTrust, Refusal, verifyRelease } from '@vitrine/verifier';

const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
const base64 = (state) => Buffer.from(formatState(state)).toString('base64');

async function readInput() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function decide({ request, now, maxAge, installed, bundle, trust, state }) {
  const wanted = { ...request, digest: new Uint8Array(Buffer.from(request.digest, 'hex')) };
  const options = { schemes: [mlDsa44], maxAge, installed };
  try {
    const owner = parseTrust(bytes(trust));
    const before = state === undefined ? NO_STATE : parseState(bytes(state));
    const decision = verifyRelease(wanted, bytes(bundle), owner, now, before, options);
    return { accepted: findingJson(decision.finding), state: base64(decision.state) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { refused: error.code, ...(error.state !== undefined && { state: base64(error.state) }) };
  }
}

console.log(JSON.stringify(decide(await readInput())));
