import {
  CoreError,
  formatBase64,
  formatKeyId,
  leafHash as hashLeaf,
  isIndexProof,
  parseAddCheckpoint,
  parseCheckpoint,
  parsePrivateKey,
  parseSignedNote,
  parseTlogProof,
  parseVkey,
  type VerifierKey,
} from '@vitrine/core';
import { isStatementProof, parseStatement, SignerError, statementOf } from '@vitrine/signer';
import { parseBundle, parseState, parseTransparentStatement, parseTrust, Refusal } from '@vitrine/verifier';
import { keyTypeName } from './keys.ts';
import { keyLabel, type Row, statementLine, statementRows } from './statement-view.ts';
import { count, decodeUtf8, printable } from './text.ts';
import { formatTime } from './time.ts';
import { trustRows } from './trust-view.ts';

/** What a file is, and what it claims. */
export interface Inspection {
  readonly kind: string;
  readonly claims: readonly Row[];
}

/** Each reads one kind of file, and throws a known error for any other. The first that reads it says what it is. */
const READERS: readonly ((bytes: Uint8Array) => Inspection)[] = [
  readStatement,
  readTransparentStatement,
  readBundle,
  readState,
  readEvidence,
  readTlogProof,
  readRequest,
  readNote,
  readPrivateKey,
  readVkey,
  readTrust,
];

/** What the bytes of a file are, and what they claim; undefined if they are nothing known. Nothing is verified. */
export function claimsOf(bytes: Uint8Array): Inspection | undefined {
  for (const read of READERS) {
    try {
      return read(bytes);
    } catch (error) {
      const isOther = error instanceof CoreError || error instanceof SignerError || error instanceof Refusal;
      // One of a later version is known for what it is, and cannot be shown.
      if (!isOther || error.code.endsWith('-newer')) throw error;
    }
  }
  return undefined;
}

function readStatement(bytes: Uint8Array): Inspection {
  const statement = parseStatement(bytes);
  return {
    kind: 'statement',
    claims: [
      ['leaf hash', formatBase64(hashLeaf(bytes))],
      ...statementRows(statement),
      ['signed by', keyLabel({ keyName: statement.issuer, keyId: statement.keyId })],
    ],
  };
}

function readTransparentStatement(bytes: Uint8Array): Inspection {
  const { entry, receipts } = parseTransparentStatement(bytes);
  return {
    kind: 'statement with receipts',
    claims: [
      ...readStatement(entry).claims,
      ...receipts.map(
        ({ origin, keyId, proof: { index, size } }): Row => [
          'receipt',
          `leaf ${index} of a tree of ${size}, by ${keyLabel({ keyName: origin, keyId })}`,
        ],
      ),
    ],
  };
}

function readBundle(bytes: Uint8Array): Inspection {
  const { checkpoint, release, statements, stream, earlier, manifest } = parseBundle(bytes);
  return {
    kind: 'bundle of a release',
    claims: [
      ['size', count(bytes.length, 'byte')],
      ['release', `leaf ${release}`],
      ...statements.map(({ index, entry }): Row => [`leaf ${index}`, entryLine(entry)]),
      ['stream', `has ${count(stream.record.count, 'statement')}`],
      ...(earlier.length === 0 ? [] : [['grown from', earlier.map(({ size }) => size).join(', ')] as Row]),
      ...(manifest === undefined ? [] : [['manifest', count(manifest.length, 'byte')] as Row]),
      ...noteRows(checkpoint),
    ],
  };
}

function entryLine(entry: Uint8Array): string {
  try {
    return statementLine(parseStatement(entry));
  } catch (error) {
    if (error instanceof SignerError) return `${count(entry.length, 'byte')}, no statement that this program knows`;
    throw error;
  }
}

function readState(bytes: Uint8Array): Inspection {
  const { serial, time, logs, streams } = parseState(bytes);
  return {
    kind: 'state of an agent',
    claims: [
      ...(serial === undefined ? [] : [['trust serial', String(serial)] as Row]),
      ...(time === undefined ? [] : [['witnessed', `up to ${formatTime(time)}`] as Row]),
      ...logs.map(
        ({ origin, largest, unsettled }): Row => [
          'log',
          `${printable(origin)}, tree size ${largest.size}${unsettled.length === 0 ? '' : `; not connected with it: ${unsettled.map(({ size }) => size).join(', ')}`}`,
        ],
      ),
      ...streams.map(
        ({ stream, consulted, installed }): Row => [
          'stream',
          `${printable(stream)}, consulted at tree size ${consulted}, ` +
            (installed === undefined ? 'nothing installed' : `leaf ${installed.leaf} installed`),
        ],
      ),
    ],
  };
}

/** Of a witness. Not by the reader that verifies it, which comes with all that a witness needs. */
function readEvidence(bytes: Uint8Array): Inspection {
  const value = readJson(bytes);
  const { format, version, kind, origin, reason, time, vkeys, notes } = value;
  const isKnown =
    format === 'vitrine-evidence' &&
    version === 1 &&
    [kind, origin, reason].every((text) => typeof text === 'string') &&
    typeof time === 'number' &&
    [vkeys, notes].every((list) => Array.isArray(list) && list.every((text) => typeof text === 'string'));
  if (!isKnown) throw new CoreError('note-malformed', 'this is no evidence of a witness');
  return {
    kind: `evidence of a witness (${printable(String(kind))})`,
    claims: [
      ['log', printable(String(origin))],
      ['found', formatTime(time)],
      ['reason', printable(String(reason))],
      ...(notes as string[]).flatMap((note) => noteRows(new TextEncoder().encode(note))),
    ],
  };
}

function readJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(decodeUtf8(bytes) ?? '');
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch (cause) {
    throw new CoreError('note-malformed', 'this is not JSON', { cause });
  }
}

function readTlogProof(bytes: Uint8Array): Inspection {
  const { index, extra, proof, checkpoint } = parseTlogProof(bytes);
  const about =
    extra === undefined
      ? 'an entry'
      : isIndexProof(extra)
        ? 'what an index says'
        : isStatementProof(extra)
          ? 'what belongs to a statement'
          : statementOf(extra) !== undefined
            ? entryLine(extra)
            : `an entry, with ${count(extra.length, 'byte')} of something else`;
  return {
    kind: 'tlog-proof',
    claims: [['about', about], ['index', String(index)], ['hashes', String(proof.length)], ...noteRows(checkpoint)],
  };
}

function readRequest(bytes: Uint8Array): Inspection {
  const { oldSize, proof, checkpoint } = parseAddCheckpoint(bytes);
  return {
    kind: 'proof of growth, the request to a witness',
    claims: [['old tree size', String(oldSize)], ['hashes', String(proof.length)], ...noteRows(checkpoint)],
  };
}

function readNote(bytes: Uint8Array): Inspection {
  return { kind: 'signed note', claims: noteRows(bytes) };
}

/** What a signed note claims, and whose signature lines it has. */
function noteRows(bytes: Uint8Array): Row[] {
  const { text, signatures } = parseSignedNote(bytes);
  return [...checkpointRows(text), ...signatures.map((line): Row => ['signed by', keyLabel(line)])];
}

function checkpointRows(text: string): Row[] {
  try {
    const { origin, size, root } = parseCheckpoint(text);
    return [
      ['log', printable(origin)],
      ['tree size', String(size)],
      ['root hash', formatBase64(root)],
    ];
  } catch (error) {
    if (error instanceof CoreError) return [['text', `no checkpoint: ${printable(text)}`]];
    throw error;
  }
}

/** Of a private key only what its public half says. */
function readPrivateKey(bytes: Uint8Array): Inspection {
  return { kind: 'PRIVATE KEY', claims: keyRows(parsePrivateKey(lineOf(bytes)).vkey) };
}

function readVkey(bytes: Uint8Array): Inspection {
  return { kind: 'public key (vkey)', claims: keyRows(parseVkey(lineOf(bytes))) };
}

function keyRows({ keyName, keyId, type }: VerifierKey): Row[] {
  return [
    ['key name', printable(keyName)],
    ['key ID', formatKeyId(keyId)],
    ['type', keyTypeName(type)],
  ];
}

const lineOf = (bytes: Uint8Array): string => (decodeUtf8(bytes) ?? '').replace(/\n$/, '');

function readTrust(bytes: Uint8Array): Inspection {
  const trust = parseTrust(bytes);
  const isPolicy = trust.releases.length === 0 && trust.signers.length === 0 && trust.reviewers.length === 0;
  return { kind: isPolicy ? 'policy' : 'trust file', claims: trustRows(trust) };
}
