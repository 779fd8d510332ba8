import { createHash } from 'node:crypto';
import {
  cosign,
  cosignerOf,
  ed25519Signer,
  formatSignatureLines,
  formatVkey,
  leafHash,
  type PrivateKey,
  parseSignedNote,
} from '@vitrine/core';
import { LevelStore, Log } from '@vitrine/core/log';
import { type Payload, signStatement, statementAdmission, statementMapping } from '@vitrine/signer';
import { done, writePolicy } from './releases.ts';
import { OTHER_KEY, REVIEWER_KEY, VENDOR_KEY, workspaceWithStatements } from './statement-workspace.ts';
import { fixedKey, LOG_KEY, type Transcript, WITNESS_KEY, type Workspace } from './workspace.ts';

/** The key of a second reviewer. Nothing here is secret. */
const LAB_KEY = fixedKey('lab.example', 0x01, 14);

const ISSUED_AT = 1_700_000_000;

/** A statement that is to be signed; its payload can depend on the leaf hashes of those before it. */
export type Draft = readonly [PrivateKey, Payload | ((leafHashes: readonly Uint8Array[]) => Payload)];

/** A build of acme-av for its stable channel, with one file, which holds `content`. */
export function build(version: string, content = version): Payload {
  return { type: 'build', product: 'acme-av', version, channel: 'stable', artifacts: [artifact(content)] };
}

function artifact(content: string): { name: string; size: number; sha256: Uint8Array } {
  const sha256 = new Uint8Array(createHash('sha256').update(content).digest());
  return { name: 'av.bin', size: content.length, sha256 };
}

/** Appends statements to the log of a workspace, each in a commit of its own, so that an index entry follows each. */
export async function appendStatements(w: Workspace, drafts: readonly Draft[]): Promise<void> {
  await using log = await Log.open(await LevelStore.open(w.path('log')), {
    signer: ed25519Signer(LOG_KEY),
    admission: statementAdmission,
    mapping: statementMapping,
  });
  const leafHashes: Uint8Array[] = [];
  for (const [key, payload] of drafts) {
    const options = { signer: ed25519Signer(key), audience: log.origin, issuedAt: ISSUED_AT };
    const entry = await signStatement(typeof payload === 'function' ? payload(leafHashes) : payload, options);
    await log.append(entry);
    leafHashes.push(leafHash(entry));
  }
}

/**
 * The log of `workspaceWithStatements` and a policy for it. Every statement is of the same second, so that the leaf hashes
 * never change:
 *
 * | leaf | statement |
 * |---|---|
 * | 0 | admission of acme.example and reviewer.example |
 * | 2 | admission of lab.example, a reviewer, and other.example, a vendor |
 * | 4 | source acme-av 1.0 by acme.example |
 * | 6, 8, 10 | builds acme-av/stable 1.0, 1.1 and 1.2 by acme.example |
 * | 12, 14 | databases acme-av 1 by acme.example and by other.example |
 * | 16 | review of leaf 8 by reviewer.example |
 * | 18 | review of leaf 8 by lab.example, which rejects it |
 * | 20 | withdrawal of leaf 8 by acme.example |
 */
export async function workspaceWithIndex(): Promise<Workspace> {
  const w = await workspaceWithStatements();
  writePolicy(w);
  const admitted = [
    { role: 'reviewer', vkey: formatVkey(LAB_KEY.vkey) },
    { role: 'vendor', vkey: formatVkey(OTHER_KEY.vkey) },
  ] as const;
  const tree = { root: new Uint8Array(32), files: 1, size: 1 };
  const database = { type: 'database', name: 'acme-av', sequence: 1 } as const;
  const about = (leafHashes: readonly Uint8Array[]): Uint8Array => leafHashes[3]!;
  await appendStatements(w, [
    [LOG_KEY, { type: 'admission', add: admitted }],
    [VENDOR_KEY, { type: 'source', product: 'acme-av', version: '1.0', revision: 'r1', tree }],
    [VENDOR_KEY, build('1.0')],
    [VENDOR_KEY, build('1.1')],
    [VENDOR_KEY, build('1.2')],
    [VENDOR_KEY, { ...database, artifacts: [artifact('rules')] }],
    [OTHER_KEY, { ...database, artifacts: [artifact('other rules')] }],
    [REVIEWER_KEY, (leaves) => ({ type: 'review', subject: about(leaves), verdict: 'reproduced' })],
    [LAB_KEY, (leaves) => ({ type: 'review', subject: about(leaves), verdict: 'rejected' })],
    [VENDOR_KEY, (leaves) => ({ type: 'withdrawal', subject: about(leaves), reason: 'CVE-2030-1234' })],
  ]);
  return w;
}

/** The leaf hash of build 1.1, leaf 8 of {@link workspaceWithIndex}, of which there are reviews and a withdrawal. */
export const LEAF_8 = 'isNAueycq+CEakJ6+qUeFjtdKyVE1wThIII3+oNQKCk=';
/** The leaf hash of build 1.2, leaf 10 of {@link workspaceWithIndex}. */
export const LEAF_10 = 'Xuh3jDpmZ+ttXHmu2aDCsMqseIvHlBogzXBCmJEPMxk=';

/** Runs a command that asks the index, and has to succeed. */
export function ask(w: Workspace, ...args: readonly string[]): Promise<Transcript> {
  return done(w, [...args, '--log', 'log']);
}

/** Has a witness cosign the newest checkpoint, and the log keep that. Writes its policy, `witnessed`. */
export async function cosignNewest(w: Workspace): Promise<void> {
  const witness = `witness w4 ${formatVkey(WITNESS_KEY.vkey)}\n`;
  w.write('witnessed', `log ${formatVkey(LOG_KEY.vkey)}\n${witness}quorum w4\n`);
  const { text } = parseSignedNote(w.read('log/checkpoint'));
  const line = await cosign({ text, cosigner: cosignerOf(WITNESS_KEY), time: ISSUED_AT });
  w.write('cosignature', formatSignatureLines([line]));
  await done(w, ['checkpoint', '--log', 'log', '--policy', 'witnessed', '--cosignatures', 'cosignature']);
}
