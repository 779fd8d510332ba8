import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RecordSet, readRecords } from '@vitrine/signer/node';
import { withDirectory } from '../bench-log.ts';
import { type Case, seconds } from '../measurement.ts';

const PROOFS = 5000;

/** Lines that are made at once. */
const CHUNK = 1024;

/** A rule as Snort has them, of about 150 bytes. Large factors spread what stands in it. */
const rule = (i: number): string =>
  `alert tcp $EXTERNAL_NET any -> $HOME_NET ${(i * 7919) % 65536} (msg:"MALWARE-CNC variant ${(i * 31) % 977}"; ` +
  `content:"|${((i * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}|"; classtype:trojan-activity; ` +
  `sid:${1_000_000 + i}; rev:1;)\n`;

function* rules(count: number): Generator<string, void, undefined> {
  for (let start = 0; start < count; start += CHUNK) {
    const length = Math.min(CHUNK, count - start);
    yield Array.from({ length }, (_, i) => rule(start + i)).join('');
  }
}

/** A signature database of `count` rules, one a line: read from its file and rooted in one pass, then proven from. */
export const recordSet: Case = (count) =>
  withDirectory(async (directory) => {
    const path = join(directory, 'rules');
    await pipeline(Readable.from(rules(count)), createWriteStream(path));
    let set: RecordSet | undefined;
    const rooting = await seconds(async () => {
      set = await RecordSet.from(readRecords(path, { reader: 'lines' }));
    });
    if (set?.count !== count) throw new Error(`rooted ${set?.count} of ${count}`);
    const rooted = set;
    const proving = await seconds(() => {
      for (let i = 0; i < PROOFS; i++) rooted.prove(Buffer.from(rule((i * 7_919_317) % count).trimEnd()));
    });
    return { rootingSeconds: rooting, recordsPerSecond: count / rooting, recordProofsPerSecond: PROOFS / proving };
  });
