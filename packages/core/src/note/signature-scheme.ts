import { ed25519PublicKey, ed25519Sign, ed25519Verify } from '#ed25519';
import { CoreError } from '../error.ts';
import {
  formatKeyType,
  KEY_TYPE_ED25519,
  KEY_TYPE_ED25519_COSIGNATURE,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
} from './key-type.ts';

/**
 * A signature algorithm, for keys of some types. Ed25519 is built in; ML-DSA-44 is `mlDsa44` of `@vitrine/core/ml-dsa`, which
 * `loadSchemes` loads, so that only those who use it have it.
 */
export interface SignatureScheme {
  readonly name: string;
  /** The key types that sign with it. */
  readonly types: readonly number[];
  /** Bytes in a seed. */
  readonly seedSize: number;
  /** Bytes in a signature. */
  readonly signatureSize: number;
  /** The public key of the key pair with this seed. */
  publicKey(seed: Uint8Array): Uint8Array;
  sign(message: Uint8Array, seed: Uint8Array): Uint8Array;
  /** `false` for keys and signatures of a wrong length. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** What a function needs that may meet keys of types that are not built in. */
export interface SchemeOptions {
  readonly schemes?: readonly SignatureScheme[];
}

const ed25519: SignatureScheme = {
  name: 'Ed25519',
  types: [KEY_TYPE_ED25519, KEY_TYPE_ED25519_COSIGNATURE],
  seedSize: 32,
  signatureSize: 64,
  publicKey: ed25519PublicKey,
  sign: ed25519Sign,
  verify: ed25519Verify,
};

/**
 * The scheme that keys of `type` sign with.
 *
 * @throws CoreError `key-type` if there is none, or it was not passed in
 */
export function schemeOf(type: number, { schemes = [] }: SchemeOptions): SignatureScheme {
  const scheme = [ed25519, ...schemes].find(({ types }) => types.includes(type));
  if (scheme !== undefined) return scheme;
  if (type === KEY_TYPE_ML_DSA_44_COSIGNATURE) {
    throw new CoreError(
      'key-type',
      'keys of type 0x06 (ML-DSA-44) need the scheme mlDsa44: import it from "@vitrine/core/ml-dsa" and pass it in schemes',
    );
  }
  throw new CoreError('key-type', `keys of type ${formatKeyType(type)} are not supported`);
}
