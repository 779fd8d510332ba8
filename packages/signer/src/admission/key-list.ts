import { equalBytes, formatVkey, type VerifierKey } from '@vitrine/core';
import type { DerivedPair, LogView } from '@vitrine/core/log';
import { SignerError } from '../error.ts';
import type { AdmissionPayload, Role } from '../statement/payload.ts';
import type { Statement } from '../statement/statement.ts';
import { admissionAt, changesOf, displayKey, identityOf, keyState } from './admission-key.ts';
import { hasIndex, loggedAdmissions } from './index-queries.ts';
import { admissionPointer, damaged, follow, keyIdPointer, keyPointer, leafIndex } from './pointers.ts';
import { StatementReader } from './statement-reader.ts';

const refuse = (message: string): SignerError => new SignerError('admission-key', message);

/** Refuses a change of the key list that cannot be made, and derives the pointers to one that can. */
export async function changeKeys(
  reader: StatementReader,
  log: LogView,
  { payload }: Statement<AdmissionPayload>,
): Promise<DerivedPair[]> {
  const here = leafIndex(log.size);
  const pairs: DerivedPair[] = [];
  const { added } = changesOf(payload);
  // Fewer than were listed: two of them have one name and ID.
  if (added.size < (payload.add ?? []).length) throw refuse('two keys that are added share their name and ID');
  for (const { key } of added.values()) {
    const { keyName, keyId } = key;
    checkOther(log, key);
    const state = await keyState(reader, log, keyName, keyId);
    const present = state?.admitted?.key;
    if (present !== undefined && !equalBytes(present.publicKey, key.publicKey)) {
      throw refuse(`another key is admitted as ${displayKey(keyName, keyId)}: remove that one first`);
    }
    pairs.push([keyPointer(keyName, keyId), here], [keyIdPointer(keyId), here]);
  }
  for (const { keyName, keyId } of payload.remove ?? []) {
    if (keyName === log.key.keyName && keyId === log.key.keyId) throw refuse("the log's own key cannot be removed");
    const state = await keyState(reader, log, keyName, keyId);
    if (state?.admitted === undefined) throw refuse(`${displayKey(keyName, keyId)} is not admitted`);
    pairs.push([keyPointer(keyName, keyId), here]);
  }
  const last = await follow(log, admissionPointer());
  if (last !== undefined) pairs.push([admissionPointer(log.size), leafIndex(last)]);
  pairs.push([admissionPointer(), here]);
  return pairs;
}

function checkOther(log: LogView, { keyName, keyId, publicKey }: VerifierKey): void {
  const isOwn = (keyName === log.key.keyName && keyId === log.key.keyId) || equalBytes(publicKey, log.key.publicKey);
  if (isOwn) throw refuse("the log's own key signs admissions, and cannot be added");
}

/** The keys whose statements a log takes, and those whose it no longer takes. */
export interface KeyList {
  readonly admitted: readonly {
    readonly role: Role;
    readonly vkey: string;
    /** The leaf of the statement that gave it this role. */
    readonly since: number;
  }[];
  readonly removed: readonly {
    readonly keyName: string;
    readonly keyId: number;
    /** The leaf of the statement that removed it. */
    readonly since: number;
  }[];
}

/**
 * The list of keys of a log of statements: the fold of all of its admission statements, from the first on. In the order in
 * which the keys came and went. Of a log with an index it is whole, whoever serves the log.
 *
 * @param log a `Log` or what an admission is given
 * @throws CoreError `log-corrupt`
 */
export async function admittedKeys(log: LogView): Promise<KeyList> {
  const admitted = new Map<string, KeyList['admitted'][number]>();
  const removed = new Map<string, KeyList['removed'][number]>();
  for await (const { index: since, payload } of hasIndex(log) ? loggedAdmissions(log) : pointedAdmissions(log)) {
    for (const [identity, { role, key }] of changesOf(payload).added) {
      removed.delete(identity);
      if (admitted.get(identity)?.role === role) continue;
      admitted.delete(identity);
      admitted.set(identity, { role, vkey: formatVkey(key), since });
    }
    for (const { keyName, keyId } of payload.remove ?? []) {
      admitted.delete(identityOf(keyName, keyId));
      removed.set(identityOf(keyName, keyId), { keyName, keyId, since });
    }
  }
  return { admitted: [...admitted.values()], removed: [...removed.values()] };
}

/** The admission statements that the pointers lead to, from the first on. */
async function* pointedAdmissions(
  log: LogView,
): AsyncGenerator<{ readonly index: number; readonly payload: AdmissionPayload }, void, undefined> {
  const reader = new StatementReader();
  const indices: number[] = [];
  for (let at = await follow(log, admissionPointer()); at !== undefined; at = await follow(log, admissionPointer(at))) {
    // Each leads to one before it, or there would be no end.
    if (at >= (indices.at(-1) ?? log.size)) throw damaged('leads forwards');
    indices.push(at);
  }
  for (const index of indices.reverse()) {
    yield { index, payload: (await admissionAt(reader, log, index)).payload };
  }
}
