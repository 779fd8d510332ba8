import {
  CoreError,
  formatKeyId,
  KEY_TYPE_ED25519,
  KEY_TYPE_ML_DSA_44_COSIGNATURE,
  quote,
  type VerifierKey,
} from '@vitrine/core';

/** @throws CoreError `key-type` unless logs sign with keys of this type */
export function checkLogKey({ keyName, keyId, type }: VerifierKey): void {
  if (type === KEY_TYPE_ED25519 || type === KEY_TYPE_ML_DSA_44_COSIGNATURE) return;
  throw new CoreError(
    'key-type',
    `a log has keys of type 0x01 and 0x06, and ${quote(keyName)} ${formatKeyId(keyId)} is of type 0x${type.toString(16).padStart(2, '0')}`,
  );
}
