// Runs in Chromium, beside the browser build of the verifier.
// Served beside this one.
const BUILT = './verifier.js';
const { parseTrust, verifyRelease } = await import(BUILT);

const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** How often a second a release is verified, after a second of warming up. */
export function rate({ request, bundle, trust, now, duration }) {
  const wanted = { ...request, digest: bytes(request.digest) };
  const read = parseTrust(bytes(trust));
  const bundled = bytes(bundle);
  const run = (milliseconds) => {
    const start = performance.now();
    let count = 0;
    for (; performance.now() - start < milliseconds; count++) verifyRelease(wanted, bundled, read, now);
    return (1000 * count) / (performance.now() - start);
  };
  run(1000);
  return run(duration);
}
