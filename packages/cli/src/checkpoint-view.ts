import {
  displayOctets,
  formatBase64,
  formatKeyId,
  formatVkey,
  type Policy,
  type VerifiedCheckpoint,
} from '@vitrine/core';
import { keyTypeName } from './keys.ts';
import { printable } from './text.ts';
import { formatTime } from './time.ts';

/** A key that signed, as `--json` shows it. */
interface SignerJson {
  readonly keyName: string;
  readonly keyId: string;
  readonly type: string;
}

/** What a policy established of a checkpoint, as `--json` shows it. */
export interface CheckpointJson {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly signers: readonly SignerJson[];
  /** `time` is in seconds since the Epoch, 0 for none. */
  readonly witnesses: readonly { readonly name: string; readonly keyName: string; readonly time: number }[];
  readonly unwitnessed: boolean;
}

/** What a verified checkpoint says, who signed it and who witnessed it. */
export function checkpointJson({ checkpoint, note, cosignatures }: VerifiedCheckpoint, policy: Policy): CheckpointJson {
  const logVkeys = new Set(policy.logs.map(({ key }) => formatVkey(key)));
  const signers = note.verified
    .map(({ verifier }) => verifier)
    .filter((verifier) => logVkeys.has(formatVkey(verifier)));
  return {
    origin: checkpoint.origin,
    size: checkpoint.size,
    root: formatBase64(checkpoint.root),
    signers: signers.map(({ keyName, keyId, type }) => ({
      keyName,
      keyId: formatKeyId(keyId),
      type: keyTypeName(type),
    })),
    witnesses: cosignatures.map(({ witness, keyName, time }) => ({ name: displayOctets(witness), keyName, time })),
    unwitnessed: cosignatures.length === 0,
  };
}

/** The same for people, as rows of a label and a value. */
export function checkpointRows({ origin, size, root, signers, witnesses }: CheckpointJson): [string, string][] {
  return [
    ['log', printable(origin)],
    ['tree size', String(size)],
    ['root hash', root],
    ...signers.map(({ keyId, type }): [string, string] => ['signed by', `${printable(origin)} ${keyId} (${type})`]),
    ...(witnesses.length === 0
      ? [['witnesses', 'unwitnessed'] as [string, string]]
      : witnesses.map(({ name, time }): [string, string] => [
          'witness',
          `${name}  ${time === 0 ? 'no time' : formatTime(time)}`,
        ])),
  ];
}
