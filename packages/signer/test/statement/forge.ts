import { type CborMap, type CborValue, ed25519Signer, encodeCbor, type PrivateKey } from '@vitrine/core';
import { parseSign1, sigStructure } from '../../src/cose/sign1.ts';
import { placeOf } from '../../src/place.ts';

/** A statement taken apart, each part as bytes of CBOR that need not be what anybody would write. */
export interface Parts {
  readonly tag: Uint8Array;
  /** Content of the byte string. */
  readonly header: Uint8Array;
  /** A CBOR item. */
  readonly unprotected: Uint8Array;
  /** Content of the byte string. */
  readonly payload: Uint8Array;
}

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

export const partsOf = (statement: Uint8Array): Parts => {
  const { protectedHeader, payload } = parseSign1(statement, placeOf('statement-malformed', 'statement'));
  return { tag: hex('d2'), header: protectedHeader, unprotected: hex('a0'), payload: payload! };
};

/** The elements of a statement whose signature holds for what its parts are, as CBOR items. */
export async function elementsOf(parts: Parts, key: PrivateKey): Promise<Uint8Array[]> {
  const toBeSigned = sigStructure({ protectedHeader: parts.header, payload: parts.payload });
  const signature = await ed25519Signer(key).sign(toBeSigned);
  return [encodeCbor(parts.header), parts.unprotected, encodeCbor(parts.payload), encodeCbor(signature)];
}

/** A statement of any parts. Its signature holds: what refuses it is another check. */
export const forge = async (parts: Parts, key: PrivateKey): Promise<Uint8Array> =>
  concat(parts.tag, hex('84'), ...(await elementsOf(parts, key)));

/** An encoded map, entry by entry. */
const entriesOf = (map: CborMap): Uint8Array[] => {
  const entries = Array.from(map, ([key, value]) => concat(encodeCbor(key), encodeCbor(value)));
  return entries.sort(Buffer.compare);
};

const definite = (entries: readonly Uint8Array[]): Uint8Array =>
  concat(Uint8Array.of(0xa0 + entries.length), ...entries);

/** Other encodings of a map with at least two entries and at most 22: each means the same, or pretends to. */
export const OTHER_MAPS: Readonly<Record<string, (map: CborMap) => Uint8Array>> = {
  'a length that is not as short as it could be': (map) => concat(Uint8Array.of(0xb8, map.size), ...entriesOf(map)),
  'an indefinite length': (map) => concat(hex('bf'), ...entriesOf(map), hex('ff')),
  'unsorted keys': (map) => definite(entriesOf(map).reverse()),
  'a duplicate key': (map) => definite([...entriesOf(map), entriesOf(map).at(-1)!]),
  'a trailing byte': (map) => concat(definite(entriesOf(map)), hex('00')),
  'a tag of its own': (map) => concat(hex('d9 d9f7'), definite(entriesOf(map))),
};

export const encodeMap = (map: CborMap): Uint8Array => definite(entriesOf(map));

/** An encoded map in which one entry has this value, in bytes. */
export const withRaw = (map: CborMap, key: number | string, raw: Uint8Array): Uint8Array => {
  const mark = encodeCbor(new Uint8Array(9).fill(0xa5));
  const encoded = Buffer.from(encodeCbor(new Map<number | string, CborValue>([...map, [key, mark.subarray(1)]])));
  const at = encoded.indexOf(mark);
  return concat(encoded.subarray(0, at), raw, encoded.subarray(at + mark.length));
};

/** A map with some entries changed; `undefined` takes one out. */
export function changed(
  map: CborMap,
  changes: readonly (readonly [key: number | string, value: CborValue | undefined])[],
): CborMap {
  const copy = new Map(map);
  for (const [key, value] of changes) {
    if (value === undefined) copy.delete(key);
    else copy.set(key, value);
  }
  return copy;
}
