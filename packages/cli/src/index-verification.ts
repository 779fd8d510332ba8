import {
  formatBase64,
  leafHash as hashLeaf,
  type IndexProof,
  ProofError,
  parseIndexProof,
  type StreamName,
  type StreamProof,
  type StreamsProof,
  type SubjectProof,
  type TlogProof,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  verifyIndexProof,
} from '@vitrine/core';
import { parseStatement, SignerError, statementMapping } from '@vitrine/signer';
import { checkpointJson, checkpointRows } from './checkpoint-view.ts';
import type { Context } from './context.ts';
import { CliError, naming } from './errors.ts';
import { parseLeafHash } from './leaf-reference.ts';
import type { LoadedPolicy } from './policy-file.ts';
import { type StatementFinding, type StatementOptions, verifyStatement } from './statement-verification.ts';
import { type Row, shortHash, statementJson, statementLine, streamJson, streamLine } from './statement-view.ts';
import type { StreamOptions } from './stream-argument.ts';
import { aligned, count, printable } from './text.ts';

/** What the user expects an index proof to be about, among the options of `verify`. */
export interface IndexExpectation extends StreamOptions {
  readonly stream?: string;
  readonly absent?: boolean;
  readonly about?: string;
}

/** An index proof, and what it is to be verified with. */
export interface IndexProofInput {
  /** Names the proof in errors. */
  readonly path: string;
  readonly proof: TlogProof;
  /** An index proof, unverified. */
  readonly extra: Uint8Array;
  readonly loaded: LoadedPolicy;
}

// Whoever signs the checkpoint says what is in the index. Ordinary witnesses do not look.
const WHOSE_WORD = "the log's claim: no key of somebody who derived the index again vouches for it";

/**
 * Verifies what the index of a log says, which a policy accepts, and prints it, and whose word it is.
 *
 * @throws ProofError; SignerError with `statement-` codes; CoreError as `verifyCheckpoint`; CliError `usage`
 */
export async function verifyIndex(
  context: Context,
  { path, proof: tlogProof, extra, loaded }: IndexProofInput,
  options: StatementOptions & IndexExpectation,
): Promise<void> {
  const { output } = context;
  if (options.raw || options.name !== undefined) {
    throw new CliError('usage', `--raw and --name are about files, and ${path} is a proof of what an index says`);
  }
  const proof = naming(path, () => parseIndexProof(extra));
  const verified = verifyCheckpoint(tlogProof.checkpoint, loaded.policy, loaded);
  const { size, root } = verified.checkpoint;
  const { index, proof: inclusion } = tlogProof;
  naming(path, () => verifyIndexProof({ proof, index, inclusion, size, root, mapping: statementMapping }));
  checkExpectation(proof, options);
  const { rows, json } = await findingOf(proof, verified, options);
  const checkpoint = checkpointJson(verified, loaded.policy);
  if (options.json) {
    return output.json({ ...json, index: { root: formatBase64(proof.indexRoot), checkedBy: [] }, ...checkpoint });
  }
  await output.text(aligned([...rows, ['index', WHOSE_WORD], ...checkpointRows(checkpoint)]));
}

/** @throws ProofError `proof-mismatch` for a proof of something else than the user asked for */
function checkExpectation(proof: IndexProof, expectation: IndexExpectation): void {
  const { stream, type, issuer, about } = expectation;
  checkAbsence(proof, expectation);
  const name: Partial<StreamName> = proof.type === 'stream' ? proof.stream : {};
  const expected: [string, string | undefined, string | undefined, string][] = [
    ['--stream', stream, name.stream, 'the stream'],
    ['--type', type, name.type, 'a stream of type'],
    ['--issuer', issuer, name.issuer, 'a stream by'],
  ];
  for (const [option, wanted, found, what] of expected) {
    if (wanted === undefined || wanted === found) continue;
    const which = found === undefined ? 'is not about a stream' : `is about ${what} ${printable(found)}`;
    throw new ProofError('proof-mismatch', `the proof ${which}, and ${option} names ${wanted}`);
  }
  if (about === undefined) return;
  const leafHash = parseLeafHash(about);
  if (leafHash === undefined) throw new CliError('usage', '--about must be a leaf hash, in hex or in base64');
  const subject = proof.type === 'subject' ? formatBase64(proof.subject) : undefined;
  if (subject === formatBase64(leafHash)) return;
  const which = subject === undefined ? 'is not about a leaf' : `is about the leaf ${subject}`;
  throw new ProofError('proof-mismatch', `the proof ${which}, and --about names ${about}`);
}

/**
 * Whoever expects the newest statement must not be content with there being none, of a stream that somebody made up. So an
 * absence is asked for, and of what.
 */
function checkAbsence(proof: IndexProof, { stream, type, issuer, absent }: IndexExpectation): void {
  const isAbsence = proof.type === 'stream' && proof.record === null;
  if (absent && !isAbsence)
    throw new ProofError('proof-mismatch', 'the proof does not show that a stream has no statement');
  if (!isAbsence) return;
  if (!absent) {
    throw new ProofError(
      'proof-mismatch',
      'the proof shows that a stream has no statement: ask for that with --absent',
    );
  }
  if (stream === undefined || type === undefined || issuer === undefined) {
    throw new CliError('usage', '--absent needs --stream, --type and --issuer: only so is it said what is absent');
  }
}

function findingOf(
  proof: IndexProof,
  verified: VerifiedCheckpoint,
  options: StatementOptions,
): Promise<StatementFinding> | StatementFinding {
  if (proof.type === 'stream') return streamFinding(proof, verified, options);
  if (options.signer !== undefined) {
    throw new CliError('usage', '--signer names one key, and such a proof has nothing that only one key has signed');
  }
  return proof.type === 'subject' ? subjectFinding(proof) : streamsFinding(proof);
}

async function streamFinding(
  { stream, record, history, entries }: StreamProof,
  { checkpoint: { origin } }: VerifiedCheckpoint,
  options: StatementOptions,
): Promise<StatementFinding> {
  const name = printable(stream.stream);
  const rest: Row[] = [
    ['type', printable(stream.type)],
    ['issuer', printable(stream.issuer)],
  ];
  const json = { stream, count: record?.count ?? 0 };
  if (record === null) {
    // Whoever names a key wants something that it has signed, and nobody signs that there is nothing.
    if (options.signer !== undefined) {
      throw new SignerError(
        'statement-proof-mismatch',
        `the proof shows that the stream ${name} has no statement, so --signer has nothing to check`,
      );
    }
    return {
      rows: [['verified', `no statement of the stream ${name}`], ...rest],
      json: { verified: 'absent', ...json },
    };
  }
  const findings: StatementFinding[] = [];
  for (const entry of entries) findings.push(await verifyStatement(entry, parseStatement(entry), origin, options));
  if (history === undefined) {
    const leafHash = formatBase64(hashLeaf(entries[0]!));
    return {
      rows: [
        ['verified', `the newest of ${count(record.count, 'statement')} of ${name}`],
        ['leaf hash', leafHash],
        ...findings[0]!.rows,
      ],
      json: { verified: 'latest', ...json, leafHash, ...findings[0]!.json },
    };
  }
  const { from } = history;
  const total = count(record.count, 'statement');
  const lines = entries.map((entry, i): Row => [i === 0 ? 'statements' : '', entryText(entry, `${from + i}  `)]);
  return {
    rows: [
      ['verified', from === 0 ? `all ${total} of ${name}` : `all from position ${from} on of the ${total} of ${name}`],
      ...rest,
      // Of every statement the same was checked.
      ...findings[0]!.rows.filter(([label]) => label === 'signature'),
      ...lines,
    ],
    json: {
      verified: 'history',
      ...json,
      from,
      statements: entries.map(entryJson),
      signer: findings[0]!.json['signer'],
    },
  };
}

function subjectFinding({ subject, entries }: SubjectProof): StatementFinding {
  const leafHash = formatBase64(subject);
  const what =
    entries.length === 0 ? 'nobody has reviewed or withdrawn it' : 'its newest reviews and withdrawals are these';
  return {
    rows: [
      ['verified', what],
      ['subject', leafHash],
      ...entries.map((entry): Row => ['says', entryText(entry, '')]),
      ...(entries.length === 0
        ? []
        : [['signatures', 'NOT CHECKED: verify each statement by itself, with --signer'] as const]),
    ],
    json: { verified: 'about', subject: leafHash, statements: entries.map(entryJson) },
  };
}

function streamsFinding({ streams, subjects }: StreamsProof): StatementFinding {
  return {
    rows: [
      ['verified', `the log has ${count(streams.length, 'stream')}`],
      ...streams.map(({ stream, record }): Row => ['stream', streamLine(stream, record)]),
      [
        'subjects',
        count(
          subjects.length,
          'statement that was reviewed or withdrawn',
          'statements that were reviewed or withdrawn',
        ),
      ],
    ],
    json: {
      verified: 'streams',
      streams: streams.map(({ stream, record }) => streamJson(stream, record)),
      subjects: subjects.length,
    },
  };
}

function entryText(entry: Uint8Array, before: string): string {
  return `${before}${shortHash(hashLeaf(entry))}  ${statementLine(parseStatement(entry))}`;
}

function entryJson(entry: Uint8Array): Readonly<Record<string, unknown>> {
  return { leafHash: formatBase64(hashLeaf(entry)), statement: statementJson(parseStatement(entry)) };
}
