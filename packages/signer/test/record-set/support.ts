import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { ProofError } from '@vitrine/core';
import { type RecordFormat, recordKey, verifyRecord } from '@vitrine/signer';
import { type RecordSet, readRecords } from '@vitrine/signer/node';
import { type Header, pack } from 'tar-stream';
import { onTestFinished } from 'vitest';

/** A directory that goes when the test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-records-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** All records, as text in which each byte is a character. */
export async function recordsOf(path: string, format: RecordFormat): Promise<string[]> {
  const records: string[] = [];
  for await (const record of readRecords(path, format)) records.push(Buffer.from(record).toString('latin1'));
  return records;
}

/** A tar file. */
export async function tarOf(
  members: readonly (readonly [Partial<Header> & { name: string }, string?])[],
): Promise<Buffer> {
  const tar = pack();
  for (const [header, content = ''] of members) tar.entry(header, content);
  tar.finalize();
  return buffer(tar);
}

/** A container as ClamAV has it: a header, and a tar file that is compressed or not. */
export function containerOf(
  tar: Uint8Array,
  { compressed = true, header = 'ClamAV-VDB:22 Nov 2026 00-27 +0000:3' } = {},
): Buffer {
  return Buffer.concat([Buffer.from(header.padEnd(512)), compressed ? gzipSync(tar) : tar]);
}

/** What a proof shows of a record: that it is in the set, that it is not, or nothing. */
export function shown(root: Uint8Array, record: Uint8Array, proof: ReturnType<RecordSet['prove']>): string {
  const holds = (present: boolean): boolean => {
    try {
      verifyRecord({ root, record, present, proof });
      return true;
    } catch (error) {
      if (error instanceof ProofError) return false;
      throw error;
    }
  };
  return `${holds(true) ? 'present ' : ''}${holds(false) ? 'absent' : ''}`.trim() || 'nothing';
}

/**
 * Proves every one of `records`, and that none of its neighbours in the tree passes for it: neither record with the
 * other's proof, nor its leaf in place of the other's. Proves the absence of each record with a byte more.
 */
export function proveAll(set: RecordSet, records: readonly Uint8Array[]): void {
  const { root } = set;
  const inOrder = new Map(records.map((record) => [Buffer.from(recordKey(record)).toString('hex'), record]));
  const sorted = [...inOrder.keys()].sort().map((key) => inOrder.get(key)!);
  const expect = (what: string, found: string, wanted: string): void => {
    if (found !== wanted) throw new Error(`${what}: ${found}, and not ${wanted}`);
  };
  let before: { record: Uint8Array; proof: ReturnType<RecordSet['prove']> } | undefined;
  for (const record of sorted) {
    const proof = set.prove(record);
    expect('its own proof', shown(root, record, proof), 'present');
    const longer = new Uint8Array([...record, 0x20]);
    if (!set.has(longer)) expect('a longer one', shown(root, longer, set.prove(longer)), 'absent');
    if (before !== undefined) {
      expect("the neighbour's proof", shown(root, record, before.proof), 'nothing');
      expect('its proof for the neighbour', shown(root, before.record, proof), 'nothing');
      expect("the neighbour's leaf", shown(root, before.record, { ...proof, leaf: before.proof.leaf }), 'nothing');
      expect("the neighbour's siblings", shown(root, record, { ...before.proof, leaf: proof.leaf }), 'nothing');
    }
    before = { record, proof };
  }
}
