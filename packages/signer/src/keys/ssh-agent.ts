import { connect } from 'node:net';
import { quote, type VerifierKey } from '@vitrine/core';
import { SignerError } from '../error.ts';
import { fingerprint, formatSshKey, parseSshKey } from './ssh-public-key.ts';
import { SshReader, sshString, uint32 } from './ssh-wire.ts';
import { type StatementSigner, verifiedSigner } from './statement-signer.ts';

// RFC 9987, section 6.1.
const SSH_AGENT_FAILURE = 5;
const SSH_AGENTC_REQUEST_IDENTITIES = 11;
const SSH_AGENT_IDENTITIES_ANSWER = 12;
const SSH_AGENTC_SIGN_REQUEST = 13;
const SSH_AGENT_SIGN_RESPONSE = 14;

/** What OpenSSH takes and gives: neither a request nor an answer is longer, in bytes. */
const MAX_MESSAGE_SIZE = 256 * 1024;
const LENGTH_SIZE = 4;
const MAX_LISTED_KEYS = 8;

const failed = (message: string, cause?: unknown): SignerError => new SignerError('agent-failed', message, { cause });
const malformed = (message: string): SignerError => failed(`the answer of the SSH agent is malformed: ${message}`);

/** Where the agent is. */
export interface SshAgentOptions {
  /** Path of its socket; by default that of SSH_AUTH_SOCK. */
  readonly socket?: string;
  /** Stops waiting for the agent, which may be waiting for a person. */
  readonly signal?: AbortSignal;
}

/**
 * Signs with a key that the running OpenSSH agent holds, RFC 9987: of type `ssh-ed25519`, in a file or on a token that
 * speaks PKCS #11. There is no time limit, as the agent may ask a person.
 *
 * @throws SignerError `agent-missing` if there is none; `agent-key` if it does not hold the key, or only on a FIDO token;
 * `agent-failed` if it answers with nonsense. `sign` throws `agent-missing` and `agent-failed`
 */
export async function sshAgentSigner(
  vkey: VerifierKey,
  { socket = process.env['SSH_AUTH_SOCK'] ?? '', signal }: SshAgentOptions = {},
): Promise<StatementSigner> {
  const key = formatSshKey(vkey.publicKey);
  const ask = (request: Uint8Array, expected: number): Promise<SshReader> =>
    exchange(socket, request, expected, signal);
  const signer = verifiedSigner(vkey, {
    sign: async (message) => {
      const request = [Uint8Array.of(SSH_AGENTC_SIGN_REQUEST), sshString(key), sshString(message), uint32(0)];
      return readSignature(await ask(Buffer.concat(request), SSH_AGENT_SIGN_RESPONSE));
    },
    name: 'the SSH agent',
    code: 'agent-failed',
  });
  const keys = readIdentities(await ask(Uint8Array.of(SSH_AGENTC_REQUEST_IDENTITIES), SSH_AGENT_IDENTITIES_ANSWER));
  if (!keys.some(({ blob }) => key.every((byte, i) => blob[i] === byte) && blob.length === key.length)) {
    throw notHeld(vkey, fingerprint(key), keys);
  }
  return signer;
}

/** An Ed25519 key that the agent holds. */
interface Identity {
  readonly blob: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly token: boolean;
  readonly comment: string;
}

function readIdentities(answer: SshReader): Identity[] {
  const keys: Identity[] = [];
  for (let left = answer.uint32(); left > 0; left--) {
    const blob = answer.string();
    const comment = Buffer.from(answer.string()).toString();
    const { ed25519, token } = parseSshKey(blob, malformed);
    if (ed25519 !== undefined) keys.push({ blob, publicKey: ed25519, token, comment });
  }
  answer.end();
  return keys;
}

/** RFC 8709, section 6, in RFC 9987, section 3.6. */
function readSignature(answer: SshReader): Uint8Array {
  const reader = new SshReader(answer.string(), malformed);
  answer.end();
  const type = reader.name();
  if (type !== 'ssh-ed25519') throw malformed('its signature is not of type ssh-ed25519');
  const signature = reader.string();
  reader.end();
  return signature;
}

function notHeld({ keyName, publicKey }: VerifierKey, wanted: string, keys: readonly Identity[]): SignerError {
  const isSame = (key: Identity): boolean => Buffer.from(key.publicKey).equals(publicKey);
  const onToken = keys.find((key) => key.token && isSame(key));
  if (onToken !== undefined) {
    const message = `the key of ${keyName} is on a FIDO token, ${quote(onToken.comment)}, which signs with a counter and never bytes as they are`;
    return new SignerError('agent-key', message);
  }
  const held = keys.filter((key) => !key.token).map(({ blob, comment }) => `${fingerprint(blob)} ${quote(comment)}`);
  const listed = held.slice(0, MAX_LISTED_KEYS).join(', ') + (held.length > MAX_LISTED_KEYS ? ', ...' : '');
  const has = held.length === 0 ? 'no Ed25519 key, or is locked' : listed;
  return new SignerError('agent-key', `the SSH agent does not hold the key of ${keyName}, ${wanted}; it has ${has}`);
}

/** Sends one request over a connection of its own, and returns what follows the type of the answer. */
async function exchange(
  socket: string,
  request: Uint8Array,
  expected: number,
  signal: AbortSignal | undefined,
): Promise<SshReader> {
  if (socket === '') throw new SignerError('agent-missing', 'SSH_AUTH_SOCK is not set: start ssh-agent');
  if (request.length > MAX_MESSAGE_SIZE) throw failed(`an SSH agent signs less than ${MAX_MESSAGE_SIZE} bytes`);
  const answer = new SshReader(await converse(socket, sshString(request), signal), malformed);
  const type = answer.byte();
  if (type === expected) return answer;
  if (type !== SSH_AGENT_FAILURE) throw malformed(`type ${expected} expected, found ${type}`);
  throw failed('the SSH agent refused: it is locked, the key was removed, or the person whom it asked said no');
}

function converse(socket: string, message: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const connection = connect({ path: socket });
    let received = Buffer.alloc(0);
    let isConnected = false;
    const settle = (act: () => void): void => {
      signal?.removeEventListener('abort', abort);
      connection.destroy();
      act();
    };
    const abort = (): void => settle(() => reject(signal?.reason));
    signal?.addEventListener('abort', abort);
    connection.on('connect', () => {
      isConnected = true;
      connection.write(message);
    });
    connection.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < LENGTH_SIZE) return;
      const size = received.readUInt32BE(0);
      if (size > MAX_MESSAGE_SIZE) settle(() => reject(malformed(`${size} bytes, more than ${MAX_MESSAGE_SIZE}`)));
      else if (received.length >= LENGTH_SIZE + size) {
        settle(() => resolve(received.subarray(LENGTH_SIZE, LENGTH_SIZE + size)));
      }
    });
    connection.on('error', (cause) => {
      settle(() =>
        reject(
          isConnected
            ? failed(`the connection to the SSH agent broke: ${cause.message}`, cause)
            : new SignerError('agent-missing', `there is no SSH agent at ${socket}: ${cause.message}`, { cause }),
        ),
      );
    });
    connection.on('close', () => settle(() => reject(failed('the SSH agent closed the connection without an answer'))));
  });
}
