import { CoreError } from '../error.ts';
import type { IndexMapping } from '../log-index/index-mapping.ts';
import { KEY_TYPE_ED25519 } from '../note/key-type.ts';
import type { Signer } from '../note/signer.ts';
import { parseVkey, type VerifierKey } from '../note/vkey.ts';
import type { Admission } from './admission.ts';
import type { LogDescription } from './description.ts';

/** The key that signs a log's checkpoints: the first of type 0x01. @throws CoreError `log-key` */
export function signingKey({ origin, vkeys }: LogDescription): VerifierKey {
  const key = vkeys.map(parseVkey).find(({ type }) => type === KEY_TYPE_ED25519);
  if (key === undefined) throw new CoreError('log-key', 'a log needs a key of type 0x01 (Ed25519)');
  if (key.keyName !== origin) {
    throw new CoreError('log-key', `the log's key must have its origin as its name: ${origin}, not ${key.keyName}`);
  }
  return key;
}

/** @throws CoreError `log-key` unless the signer holds `key` */
export function checkSigner(signer: Signer, key: VerifierKey): void {
  if (signer.keyName !== key.keyName || signer.keyId !== key.keyId) {
    throw new CoreError('log-key', `the signer's key is another one than that of the log ${key.keyName}`);
  }
}

/** @throws CoreError `log-admission` if the log is raw: whoever wants entries judged must not find that none is */
export function checkAdmission({ origin, kind }: LogDescription, admission: Admission | undefined): void {
  if (admission !== undefined && kind === 'raw') {
    throw new CoreError('log-admission', `${origin} takes arbitrary entries, and cannot have them judged`);
  }
}

/** @throws CoreError `log-index` if the log has no index */
export function checkMapping(description: LogDescription, mapping: IndexMapping | undefined): void {
  if (mapping !== undefined && !description.indexed) throw unindexed(description);
}

/** The error for a log that has no index, or a mirror that does not keep it. */
export function unindexed({ origin, mirror }: Pick<LogDescription, 'origin' | 'mirror'>): CoreError {
  const why = mirror
    ? `this mirror does not keep the index of ${origin}, if it has one: ask the log, or a mirror that checks its index`
    : `${origin} has no index: it was created without one`;
  return new CoreError('log-index', why);
}
