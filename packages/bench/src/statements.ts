import { ed25519Signer, formatVkey, type PrivateKey, privateKeyFromSeed, type Signer } from '@vitrine/core';
import { signStatement } from '@vitrine/signer';

export const ORIGIN = 'bench.example/log';
export const LOG_KEY: PrivateKey = privateKeyFromSeed(ORIGIN, 1, new Uint8Array(32));
const VENDOR_KEY: PrivateKey = privateKeyFromSeed('bench.example/vendor', 1, new Uint8Array(32).fill(1));

/** The statement that admits the vendor of {@link statementsOf}. */
export function admissionOfVendor(): Promise<Uint8Array> {
  const add = [{ role: 'vendor', vkey: formatVkey(VENDOR_KEY.vkey) }] as const;
  return signStatement({ type: 'admission', add }, { signer: ed25519Signer(LOG_KEY), audience: ORIGIN, issuedAt: 1 });
}

/** The name of a stream. */
export const streamName = (stream: number): string => `stream-${stream}`;

/** Signs nothing, quickly: for logs that do not look. */
const PRETENDER: Signer = {
  keyName: VENDOR_KEY.vkey.keyName,
  keyId: VENDOR_KEY.vkey.keyId,
  sign: async (message) => {
    const signature = new Uint8Array(64);
    signature.set(message.subarray(message.length - 64));
    return signature;
  },
};

/**
 * The statements from `first` up to but without `end`, all different: each of the next stream, as often around as it takes.
 *
 * @param genuine whether their signatures are
 */
export async function statementsOf(
  first: number,
  end: number,
  { streams, genuine }: { readonly streams: number; readonly genuine: boolean },
): Promise<Uint8Array[]> {
  const signer = genuine ? ed25519Signer(VENDOR_KEY) : PRETENDER;
  const made: Uint8Array[] = [];
  for (let i = first; i < end; i++) {
    const commitment = new Uint8Array(32).fill(i & 0xff);
    new DataView(commitment.buffer).setUint32(0, i);
    // Neighbours in the log are of streams that are far apart.
    const category = streamName((i * 7919) % streams);
    const payload = { type: 'handling', category, site: 'bench', period: { from: i, to: i + 1 }, commitment } as const;
    made.push(await signStatement(payload, { signer, audience: ORIGIN, issuedAt: 1_700_000_000 }));
  }
  return made;
}
