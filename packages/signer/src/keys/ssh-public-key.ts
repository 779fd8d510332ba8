import { createHash } from 'node:crypto';
import { CoreError, KEY_TYPE_ED25519, parseBase64, type VerifierKey, verifierKey } from '@vitrine/core';
import { SshReader, sshString } from './ssh-wire.ts';

/** Ed25519 keys. RFC 8709, section 4. */
const SSH_ED25519 = 'ssh-ed25519';

/** Ed25519 keys on a FIDO token, which signs a structure with a counter and never the bytes that it is given. */
const SK_SSH_ED25519 = 'sk-ssh-ed25519@openssh.com';

const PUBLIC_KEY_SIZE = 32;

const malformed = (message: string): CoreError => new CoreError('key-malformed', message);

/** A public key of SSH, as much of it as is of use here. */
export interface SshKey {
  readonly type: string;
  /** 32 bytes, for both kinds of Ed25519 keys. */
  readonly ed25519?: Uint8Array;
  /** Whether it is on a FIDO token, and cannot sign statements. */
  readonly token: boolean;
}

/** The encoding of an Ed25519 public key. RFC 8709, section 4. */
export function formatSshKey(publicKey: Uint8Array): Uint8Array {
  return Buffer.concat([sshString(SSH_ED25519), sshString(publicKey)]);
}

/** Reads the encoding of a public key; of other kinds than Ed25519 the type only. */
export function parseSshKey(blob: Uint8Array, makeError: (message: string) => Error): SshKey {
  const reader = new SshReader(blob, makeError);
  const type = reader.name();
  const token = type === SK_SSH_ED25519;
  if (type !== SSH_ED25519 && !token) return { type, token };
  const ed25519 = reader.string();
  if (ed25519.length !== PUBLIC_KEY_SIZE) throw makeError(`an Ed25519 public key is ${PUBLIC_KEY_SIZE} bytes`);
  // The application that the token knows the key by.
  if (token) reader.string();
  reader.end();
  return { type, ed25519: new Uint8Array(ed25519), token };
}

/** A key as `ssh-add -l` and `ssh-keygen -l` name it: `SHA256:` and the base64, without padding, of the hash. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/**
 * The key, under a key name, whose private half an OpenSSH agent has: from the line `ssh-ed25519 <base64> [comment]` of a
 * `.pub` file. Lines that are empty or begin with `#` may be around it. No error quotes any of the text other than the
 * type of a key.
 *
 * @throws CoreError `key-malformed` for a bad key name, or text that is not one public key; `key-type` for one that is not
 * Ed25519, or is on a FIDO token
 */
export function sshVerifierKey(text: string, keyName: string): VerifierKey {
  return verifierKey(keyName, KEY_TYPE_ED25519, parsePublicKey(text));
}

function parsePublicKey(text: string): Uint8Array {
  if (text.startsWith('-----BEGIN ')) throw malformed('this is not the line of a public key: name the .pub file');
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length > 1) throw malformed(`${lines.length} lines, and one public key is expected`);
  const [type = '', data = ''] = (lines[0] ?? '').split(/[ \t]+/);
  const blob = Buffer.from(readBlob(data));
  // A word is the type of a key, and may be shown, only where the key says so too.
  const begin = sshString(type);
  if (!/^[a-z0-9@.-]{1,64}$/.test(type) || !blob.subarray(0, begin.length).equals(begin)) {
    throw malformed('this is not the line of an OpenSSH public key, ssh-ed25519 <base64> [comment]');
  }
  const { ed25519, token } = parseSshKey(blob, malformed);
  if (token) throw new CoreError('key-type', `a key of type ${type} signs with a counter, and never bytes as they are`);
  if (ed25519 === undefined) throw new CoreError('key-type', `expected a key of type ${SSH_ED25519}, found ${type}`);
  return ed25519;
}

function readBlob(data: string): Uint8Array {
  try {
    return parseBase64(data, 'the public key');
  } catch {
    // It is no key, and whoever asked says so.
    return new Uint8Array();
  }
}
