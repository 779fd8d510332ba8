import { formatKeyId, parseVkey, quote, type VerifierKey } from '@vitrine/core';
import type { LogView } from '@vitrine/core/log';
import type { AdmissionPayload, Role } from '../statement/payload.ts';
import type { Statement } from '../statement/statement.ts';
import { damaged, follow, keyIdPointer, keyPointer } from './pointers.ts';
import type { StatementReader } from './statement-reader.ts';

/** A key that a log takes statements of. */
export interface AdmittedKey {
  readonly role: Role;
  readonly key: VerifierKey;
}

/** What the log says of a key: it was admitted by the statement at `index`, or removed by it. */
export type KeyState =
  | { readonly index: number; readonly admitted: AdmittedKey }
  | { readonly index: number; readonly admitted?: undefined };

/** What an admission statement changes, by {@link identityOf} the key. */
export interface KeyChanges {
  readonly added: ReadonlyMap<string, AdmittedKey>;
  readonly removed: ReadonlySet<string>;
}

// Parsing the vkeys of a long list takes longer than verifying a signature.
const changes = new WeakMap<AdmissionPayload, KeyChanges>();

/** What tells keys apart. Two keys with one name and ID are the same to a log. */
export const identityOf = (keyName: string, keyId: number): string => `${formatKeyId(keyId)} ${keyName}`;

/** How a key is named in messages. */
export const displayKey = (keyName: string, keyId: number): string => `${quote(keyName)} (${formatKeyId(keyId)})`;

export function changesOf(payload: AdmissionPayload): KeyChanges {
  let found = changes.get(payload);
  if (found === undefined) {
    const added = (payload.add ?? []).map(({ role, vkey }) => ({ role, key: parseVkey(vkey) }));
    const removed = (payload.remove ?? []).map(({ keyName, keyId }) => identityOf(keyName, keyId));
    found = {
      added: new Map(added.map((one) => [identityOf(one.key.keyName, one.key.keyId), one])),
      removed: new Set(removed),
    };
    changes.set(payload, found);
  }
  return found;
}

/** The admission statement that a pointer led to. @throws CoreError `log-corrupt` if there is another one */
export async function admissionAt(
  reader: StatementReader,
  log: LogView,
  index: number,
): Promise<Statement<AdmissionPayload>> {
  const { statement } = await reader.at(log, index);
  const { payload } = statement;
  if (payload.type !== 'admission') throw damaged('leads to a statement of another type');
  return { ...statement, payload };
}

/** What the log says of a key; undefined if it never said anything. @throws CoreError `log-corrupt` */
export async function keyState(
  reader: StatementReader,
  log: LogView,
  keyName: string,
  keyId: number,
): Promise<KeyState | undefined> {
  const index = await follow(log, keyPointer(keyName, keyId));
  if (index === undefined) return undefined;
  const { added, removed } = changesOf((await admissionAt(reader, log, index)).payload);
  const identity = identityOf(keyName, keyId);
  const admitted = added.get(identity);
  if (admitted !== undefined) return { index, admitted };
  if (!removed.has(identity)) throw damaged('leads to a statement about other keys');
  return { index };
}

/** A name under which a key with this ID is admitted, if the last statement that added one has it. */
export async function nameOfKeyId(reader: StatementReader, log: LogView, keyId: number): Promise<string | undefined> {
  const index = await follow(log, keyIdPointer(keyId));
  if (index === undefined) return undefined;
  for (const { key } of changesOf((await admissionAt(reader, log, index)).payload).added.values()) {
    if (key.keyId !== keyId) continue;
    if ((await keyState(reader, log, key.keyName, keyId))?.admitted !== undefined) return key.keyName;
  }
  return undefined;
}
