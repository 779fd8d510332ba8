import { leafHash, nodeHash, PrefixTree, sha256 } from '@vitrine/core';
import { commitTo } from '../../src/proof/document-commitment.ts';
import { formatStatementProof, type StatementProof } from '../../src/proof/statement-proof.ts';
import { formatSourceLine } from '../../src/source-tree/source-file.ts';
import type { DatabasePayload, HandlingPayload, SourcePayload } from '../../src/statement/payload.ts';
import { type Example, statementOf, VENDOR } from '../statement/examples.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const signed = (payload: Example['payload']) =>
  statementOf({ name: '', key: VENDOR, issuedAt: 1_780_000_000, payload });

const lines = ['main.c', 'parse.c', 'parse.h'].map((path) =>
  formatSourceLine({ mode: '100644', sha256: sha256(utf8(path)), size: 100, path: utf8(path) }),
);
const [a, b, c] = lines.map(leafHash) as [Uint8Array, Uint8Array, Uint8Array];

export const SOURCE: SourcePayload = {
  type: 'source',
  product: 'acme-endpoint',
  version: '8.1.0',
  revision: 'r1',
  tree: { root: nodeHash(nodeHash(a, b), c), files: 3, size: 300 },
};

/** Records, some in the set and some not, by their keys. */
export const RECORDS = ['rule 1', 'rule 2', 'rule 3', 'rule 4', 'rule 5'].map(utf8);
export const ABSENT = ['rule 6', 'rule 7', 'rule'].map(utf8);
const keys = new Uint8Array(Buffer.concat(RECORDS.map(sha256).sort(Buffer.compare)));
export const TREE = new PrefixTree({ keys, valueHashes: keys });

const DATABASE: DatabasePayload = {
  type: 'database',
  name: 'acme-daily',
  sequence: 7,
  artifacts: [{ name: 'daily.rules', size: 35, sha256: sha256(utf8('daily')) }],
  records: { root: TREE.root, count: RECORDS.length, format: { reader: 'lines' } },
};

export const DOCUMENT = utf8('What was done with the samples in May.\n');
export const DOCUMENT_KEY = sha256(utf8('a key for this document alone'));

export const HANDLING: HandlingPayload = {
  type: 'handling',
  category: 'file-samples',
  site: 'Zürich',
  period: { from: 1, to: 2 },
  commitment: commitTo(DOCUMENT, DOCUMENT_KEY),
};

const [source, database, handling] = (await Promise.all([SOURCE, DATABASE, HANDLING].map(signed))) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** One of each kind, and of a record both. */
export const PROOFS: readonly StatementProof[] = [
  { type: 'file', statement: source, file: { line: lines[1]!, index: 1, files: 3, proof: [a, c] } },
  { type: 'record', statement: database, present: true, proof: TREE.prove(sha256(RECORDS[0]!)) },
  { type: 'record', statement: database, present: false, proof: TREE.prove(sha256(ABSENT[0]!)) },
  {
    type: 'record',
    statement: database,
    present: false,
    proof: new PrefixTree({ keys: new Uint8Array(), valueHashes: new Uint8Array() }).prove(sha256(ABSENT[0]!)),
  },
  { type: 'document', statement: handling, key: DOCUMENT_KEY },
];

export const proofOf = (proof: StatementProof): Uint8Array => formatStatementProof(proof);
