import { CoreError, formatVkey, KEY_TYPE_ED25519, type Signer, type VerifierKey, verifyEd25519 } from '@vitrine/core';
import { SignerError, type SignerErrorCode } from '../error.ts';

/** What signs statements. Every signature that it gives out has been verified with its public key. */
export interface StatementSigner extends Signer {
  /** The public key, of type 0x01. */
  readonly vkey: VerifierKey;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** How a signer comes by its signatures. */
interface Source {
  /** The bytes that are said to be the signature of `message`. */
  readonly sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** What it is, for errors. */
  readonly name: string;
  /** The code of the error if a signature is wrong. */
  readonly code: SignerErrorCode;
}

/**
 * A signer whose signatures come from somewhere that need not be trusted: each is verified before it is returned.
 *
 * @throws CoreError `key-type` for a key that is not of type 0x01; `key-malformed`
 */
export function verifiedSigner(vkey: VerifierKey, { sign, name, code }: Source): StatementSigner {
  const shown = formatVkey(vkey);
  if (vkey.type !== KEY_TYPE_ED25519) {
    throw new CoreError(
      'key-type',
      `statements are signed with Ed25519 keys of type 0x01, and this is another: ${shown}`,
    );
  }
  return {
    vkey,
    keyName: vkey.keyName,
    keyId: vkey.keyId,
    sign: async (message) => {
      // What is verified is what was to be signed, whatever the caller does meanwhile.
      const bytes = new Uint8Array(message);
      const signature = new Uint8Array(await sign(bytes));
      if (verifyEd25519(vkey.publicKey, bytes, signature)) return signature;
      throw new SignerError(code, `${name} gave a signature that is not one of these bytes by the key ${shown}`);
    },
  };
}
