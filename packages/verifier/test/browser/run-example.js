// Calls the example of docs/verifying.md, which lies beside this module when it runs.

const EXAMPLE = './example.js';

/** @param {string} text */
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/**
 * @param {{ content: string, name: string, stream: string, bundle: string, trustFile: string }} download byte strings in base64
 * @returns {Promise<string>} the stream of the release, or the code of the refusal
 */
export async function runExample({ content, name, stream, bundle, trustFile }) {
  const { verifyFile } = await import(/* @vite-ignore */ EXAMPLE);
  const file = new File([bytes(content)], name);
  try {
    const { finding } = await verifyFile(file, { stream, bundle: bytes(bundle), trustFile: bytes(trustFile) });
    return finding.release.stream;
  } catch (error) {
    return error.code;
  }
}
