import { CoreError, formatBase64, parseBase64, parseDecimal } from '@vitrine/core';

/** What a mirror answers to entries that it did not take all of. https://c2sp.org/tlog-mirror#processing */
export interface MirrorInfo {
  /** Entries of a pending checkpoint. */
  readonly size: number;
  /** The first entry that the mirror lacks. */
  readonly next: number;
  /** Opaque: to be sent with the next request. */
  readonly ticket: Uint8Array;
}

/** The media type of a {@link MirrorInfo}. */
export const MIRROR_INFO_TYPE = 'text/x.tlog.mirror-info';

/** A ticket's length has two bytes. https://c2sp.org/tlog-mirror#request-body */
const MAX_TICKET_SIZE = 65_535;

/** Bytes of the longest {@link MirrorInfo}. */
const MAX_MIRROR_INFO_SIZE: number = 2 * 17 + Math.ceil(MAX_TICKET_SIZE / 3) * 4 + 1;

/** Three lines: both numbers in decimal, the ticket in base64. */
export function formatMirrorInfo({ size, next, ticket }: MirrorInfo): string {
  return `${size}\n${next}\n${formatBase64(ticket)}\n`;
}

/**
 * Reads exactly what {@link formatMirrorInfo} writes; undefined for anything else.
 */
export function parseMirrorInfo(bytes: Uint8Array): MirrorInfo | undefined {
  if (bytes.length > MAX_MIRROR_INFO_SIZE) return undefined;
  const [size, next, ticket, ...rest] = new TextDecoder().decode(bytes).split('\n');
  if (size === undefined || next === undefined || ticket === undefined || rest.length !== 1 || rest[0] !== '') {
    return undefined;
  }
  try {
    return {
      size: parseDecimal(size, 'the tree size'),
      next: parseDecimal(next, 'the next entry'),
      ticket: parseBase64(ticket, 'the ticket'),
    };
  } catch (error) {
    if (error instanceof CoreError) return undefined;
    throw error;
  }
}
