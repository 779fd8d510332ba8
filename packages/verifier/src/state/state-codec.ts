import { encodeCbor, MAX_NOTE_SIZE } from '@vitrine/core';
import {
  anyText,
  type Codec,
  hash,
  list,
  octetsUpTo,
  oneOf,
  optional,
  Place,
  record,
  unsigned,
  versionOf,
} from '@vitrine/core/schema';
import { Refusal } from '../refusal.ts';
import type { AgentState, InstalledRelease, LogState, SeenCheckpoint, StreamState } from './state.ts';

/** Largest state, in bytes. */
export const MAX_STATE_SIZE: number = 16 << 20;

// More than a value in CBOR can have here.
const MAX_ITEMS = 65_536;

const VERSION = 1;
const TYPE = 'agent-state';

const place: Place = new Place((message, cause) => new Refusal('state-malformed', message, { cause }), 'state');

const seen = record<SeenCheckpoint>({ checkpoint: octetsUpTo(MAX_NOTE_SIZE), size: unsigned(), root: hash });
const installed = record<InstalledRelease>({
  issuer: anyText,
  leaf: unsigned(),
  count: unsigned(1),
  size: unsigned(1),
  sequence: optional(unsigned()),
});

type Versioned = AgentState & { readonly v: typeof VERSION; readonly type: typeof TYPE };

const codec: Codec<Versioned> = record<Versioned>({
  v: oneOf(VERSION),
  type: oneOf(TYPE),
  serial: optional(unsigned()),
  time: optional(unsigned()),
  logs: list(record<LogState>({ origin: anyText, largest: seen, unsettled: list(seen, { max: MAX_ITEMS }) }), {
    max: MAX_ITEMS,
  }),
  streams: list(
    record<StreamState>({ origin: anyText, stream: anyText, consulted: unsigned(), installed: optional(installed) }),
    { max: MAX_ITEMS },
  ),
});

/** A state as bytes: deterministic CBOR. @throws Refusal `state-malformed` for what {@link parseState} would refuse */
export function formatState(state: AgentState): Uint8Array {
  const bytes = encodeCbor(codec.write({ v: VERSION, type: TYPE, ...state }, place));
  // Nothing may be written that could not be read again: the agent would be stuck with it. Limits on the whole show only there.
  parseState(bytes);
  return bytes;
}

/**
 * Reads what {@link formatState} writes. What cannot be read is refused, because an agent that began anew could be taken back.
 *
 * @throws Refusal `state-newer` for a later version; `state-malformed`
 */
export function parseState(bytes: Uint8Array): AgentState {
  checkSize(bytes);
  const map = place.decodeMap(bytes);
  if (map.get('type') !== TYPE) throw place.refuse('is something else');
  const version = versionOf(map, place);
  if (version !== VERSION) {
    throw new Refusal(
      'state-newer',
      `this program knows states of version ${VERSION}, found ${version}: use a newer one`,
    );
  }
  const { v: _, type: __, ...state } = codec.read(map, place);
  return state;
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > MAX_STATE_SIZE) throw place.refuse(`has at most ${MAX_STATE_SIZE} bytes, found ${bytes.length}`);
}
