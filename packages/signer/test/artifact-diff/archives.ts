import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';

/** A member of a tar file to be made. */
export type TarMember = Partial<Header> & { readonly name: string; readonly content?: string };

/** A tar file. */
export async function makeTar(members: readonly TarMember[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of members) {
    tar.entry({ mode: 0o644, mtime: new Date(1_700_000_000_000), ...header }, content);
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A member of a zip file to be made. */
export interface ZipMember {
  readonly name: string;
  readonly content?: string;
  readonly mode?: number;
  readonly level?: number;
  /** DOS time and date. */
  readonly time?: number;
  readonly flags?: number;
  readonly method?: number;
}

// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT 4.3: what is not set here is zero.
const DOS_TIME = 0x5757_6000;
const UNIX_2_0 = 0x0314;

/** A zip file. */
export function makeZip(members: readonly ZipMember[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', mode = 0o100644, level = 6, time = DOS_TIME, flags = 0, method = 8 } of members) {
    const bytes = Buffer.from(content);
    const packed = method === 8 ? deflateRawSync(bytes, { level }) : bytes;
    const path = Buffer.from(name, 'latin1');
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(time, 6);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(path.length, 22);
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const version = Buffer.alloc(2);
    version.writeUInt16LE(UNIX_2_0);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02'), version, common, rest, path]));
    local.push(entry);
    offset += entry.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

/** A gzip file whose header says this. */
export function makeGzip(content: Uint8Array, { mtime = 0, name = '', os = 3 } = {}): Buffer {
  const made = gzipSync(content);
  made.writeUInt32LE(mtime, 4);
  made[9] = os;
  if (name === '') return made;
  made[3] = 8;
  return Buffer.concat([made.subarray(0, 10), Buffer.from(`${name}\0`, 'latin1'), made.subarray(10)]);
}
