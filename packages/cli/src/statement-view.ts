import { formatBase64, formatKeyId, parseVkey, type StreamName, type StreamRecord } from '@vitrine/core';
import type {
  Artifact,
  Payload,
  RecordFormat,
  ReleasedFiles,
  SourceTreeSummary,
  Statement,
  StatementType,
} from '@vitrine/signer';
import { hex } from './hex.ts';
import { type Mentions, NO_MENTIONS } from './mentions.ts';
import { count, printable } from './text.ts';
import { formatTime } from './time.ts';

/** A row of a label and a value, for `aligned`. */
export type Row = readonly [label: string, value: string];

/** How many characters of a leaf hash in base64 `ls` shows: its first nine bytes, enough to tell entries apart by eye. */
export const SHORT_HASH: number = 12;

/** The start of a leaf hash in base64. */
export function shortHash(leafHash: Uint8Array): string {
  return formatBase64(leafHash).slice(0, SHORT_HASH);
}

/** A key by its name and its ID, as a vkey begins. */
export function keyLabel({ keyName, keyId }: { readonly keyName: string; readonly keyId: number }): string {
  return `${printable(keyName)}+${formatKeyId(keyId)}`;
}

/**
 * A statement for people, as rows of a label and a value. Leaf hashes are in base64, as everywhere where people see them,
 * and hashes of files in hex, as sha256sum prints them.
 *
 * @param mentions what it speaks of
 */
export function statementRows(statement: Statement, mentions: Mentions = NO_MENTIONS): Row[] {
  const { payload, stream, issuer, keyId, audience, issuedAt } = statement;
  const isAboutSubject = payload.type === 'review' || payload.type === 'withdrawal';
  return [
    ['type', payload.type],
    // Theirs is the subject's leaf hash, in another notation.
    ...(isAboutSubject ? [] : ([['stream', printable(stream)]] as const)),
    ['issuer', keyLabel({ keyName: issuer, keyId })],
    ['time', `${formatTime(issuedAt)} (the issuer's word)`],
    ['for log', printable(audience)],
    ...payloadRows(payload, (leafHash) => leafText(leafHash, mentions)),
  ];
}

/**
 * A statement for people, on one line: its type, what it says, who says it and when.
 *
 * @param mentions what it speaks of
 */
export function statementLine(statement: Statement, mentions: Mentions = NO_MENTIONS): string {
  const { payload, issuer, issuedAt } = statement;
  return `${payload.type.padEnd(10)}  ${payloadLine(statement, mentions)}  by ${printable(issuer)}  ${formatTime(issuedAt)}`;
}

/** A stream for people, on one line: how many statements it has, the newest of them, its type, its name and its issuer. */
export function streamLine({ type, issuer, stream }: StreamName, { count: total, last }: StreamRecord): string {
  const name = `${printable(type).padEnd(10)}  ${printable(stream)}  by ${printable(issuer)}`;
  return `${String(total).padStart(6)}  ${shortHash(last)}  ${name}`;
}

/** A stream for `--json`: hashes in base64. */
export function streamJson(stream: StreamName, { count: total, last, root }: StreamRecord): object {
  return { ...stream, count: total, last: formatBase64(last), root: formatBase64(root) };
}

/** A statement for `--json`: hashes in hex, times in seconds since the Epoch, key IDs as in vkeys. */
export interface StatementJson {
  readonly type: StatementType;
  readonly stream: string;
  readonly issuer: string;
  readonly keyId: string;
  readonly audience: string;
  readonly issuedAt: number;
  /** The fields of the type. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** A statement for `--json`. */
export function statementJson({ payload, stream, issuer, keyId, audience, issuedAt }: Statement): StatementJson {
  const { type, ...fields } = payload;
  return {
    type,
    stream,
    issuer,
    keyId: formatKeyId(keyId),
    audience,
    issuedAt,
    payload: jsonFields(fields),
  };
}

/** A release for people: its stream and its version. */
function releaseName({ payload, stream }: Statement): string {
  if (payload.type === 'database') return `${printable(stream)} ${payload.sequence}`;
  return 'version' in payload ? `${printable(stream)} ${printable(payload.version)}` : printable(stream);
}

/** What a review or a withdrawal is of. */
function subjectLine(subject: Uint8Array, mentions: Mentions): string {
  const mention = mentions.get(formatBase64(subject));
  if (mention?.statement === undefined) return shortHash(subject);
  return `${mention.statement.payload.type} ${releaseName(mention.statement)} (leaf ${mention.index})`;
}

function payloadLine(statement: Statement, mentions: Mentions): string {
  const { payload } = statement;
  switch (payload.type) {
    case 'source':
      return `${releaseName(statement)} (${count(payload.tree.files, 'file')})`;
    case 'build':
      return `${releaseName(statement)} (${filesLine(payload)})`;
    case 'database':
      return `${releaseName(statement)} (${
        payload.records === undefined ? filesLine(payload) : count(payload.records.count, 'record')
      })`;
    case 'review':
      return `${payload.verdict}: ${subjectLine(payload.subject, mentions)}`;
    case 'withdrawal':
      return `${subjectLine(payload.subject, mentions)}: ${printable(payload.reason)}`;
    case 'admission':
      return [
        ...(payload.add ?? []).map(({ role, vkey }) => `+ ${role} ${vkeyName(vkey)}`),
        ...(payload.remove ?? []).map((key) => `- ${keyLabel(key)}`),
      ].join(', ');
    case 'handling':
      return `${payload.category} at ${printable(payload.site)}, ${periodText(payload.period)}`;
  }
}

function payloadRows(payload: Payload, leaf: (leafHash: Uint8Array) => string): Row[] {
  switch (payload.type) {
    case 'source':
      return [
        ['product', payload.product],
        ['version', printable(payload.version)],
        ['revision', printable(payload.revision)],
        ...treeRows(payload.tree),
        ...optional('toolchain', payload.toolchain, printable),
      ];
    case 'build':
      return [
        ['product', payload.product],
        ['version', printable(payload.version)],
        ['channel', payload.channel],
        ...optional('platform', payload.platform),
        ...filesRows(payload),
        ...optional('source', payload.source, leaf),
        ...optional('toolchain', payload.toolchain, printable),
        ...(payload.attachments ?? []).map(
          (file): Row => ['attachment', `${artifactText(file)}  ${printable(file.mediaType)}`],
        ),
      ];
    case 'database':
      return [
        ['name', payload.name],
        ['sequence', String(payload.sequence)],
        ...filesRows(payload),
        ...optional('records', payload.records, ({ count: n, format }) => `${n}, read as ${formatText(format)}`),
        ...optional('record root', payload.records, ({ root }) => hex(root)),
        ...optional('delta', payload.delta, ({ from, artifact }) => `from ${from}: ${artifactText(artifact)}`),
        ...optional('previous', payload.previous, leaf),
        ...optional('expires', payload.expires, formatTime),
      ];
    case 'review':
      return [
        ['subject', leaf(payload.subject)],
        ['verdict', payload.verdict],
        ...optional('method', payload.method, printable),
        ...optional('evidence', payload.evidence, hex),
        ...optional('normalizer', payload.normalizer, ({ name, sha256 }) => `${printable(name)}  ${hex(sha256)}`),
      ];
    case 'withdrawal':
      return [
        ['subject', leaf(payload.subject)],
        ['reason', printable(payload.reason)],
        ...optional('replacement', payload.replacement, leaf),
      ];
    case 'admission':
      return [
        ...(payload.add ?? []).map(({ role, vkey }): Row => ['adds', `${role}  ${printable(vkey)}`]),
        ...(payload.remove ?? []).map((key): Row => ['removes', keyLabel(key)]),
      ];
    case 'handling':
      return [
        ['category', payload.category],
        ['site', printable(payload.site)],
        ['period', periodText(payload.period)],
        ['commitment', hex(payload.commitment)],
      ];
  }
}

function optional<T>(label: string, value: T | undefined, show: (value: T) => string = String): Row[] {
  return value === undefined ? [] : [[label, show(value)]];
}

function leafText(leafHash: Uint8Array, mentions: Mentions): string {
  const text = formatBase64(leafHash);
  const mention = mentions.get(text);
  if (mention === undefined) return text;
  const { index, statement } = mention;
  return `${text}  leaf ${index}${statement === undefined ? '' : `, ${statement.payload.type} ${releaseName(statement)}`}`;
}

function treeRows({ root, files, size, salted }: SourceTreeSummary): Row[] {
  return [
    ['tree', `${count(files, 'file')}, ${count(size, 'byte')}${salted ? ', confidential: salted' : ''}`],
    ['tree root', hex(root)],
  ];
}

function filesRows({ artifacts, manifest }: ReleasedFiles): Row[] {
  if (manifest !== undefined) return [['manifest', artifactText(manifest)]];
  return artifacts.map((artifact) => ['artifact', artifactText(artifact)]);
}

function filesLine({ artifacts }: ReleasedFiles): string {
  return artifacts === undefined ? 'a manifest' : count(artifacts.length, 'artifact');
}

function artifactText({ name, size, sha256 }: Artifact): string {
  return `${hex(sha256)}  ${printable(name)}  ${count(size, 'byte')}`;
}

/** How records are read, for people. */
export function formatText({ reader, comment, skipBlank }: RecordFormat): string {
  const rules = [
    reader,
    ...(comment === undefined ? [] : [`without those that begin with ${comment}`]),
    ...(skipBlank ? ['without blank ones'] : []),
  ];
  return rules.join(', ');
}

function vkeyName(vkey: string): string {
  return keyLabel(parseVkey(vkey));
}

function periodText({ from, to }: { readonly from: number; readonly to: number }): string {
  return `${formatTime(from)} to ${formatTime(to)}`;
}

function jsonFields(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, jsonValue(key, value)]));
}

function jsonValue(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map((item) => jsonValue(key, item));
  if (key === 'keyId') return formatKeyId(value as number);
  return typeof value === 'object' && value !== null ? jsonFields(value) : value;
}
