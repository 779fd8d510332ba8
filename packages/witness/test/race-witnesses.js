// Two witnesses, each with a state of its own below a directory and at a port of its own: prints the ports. Plain JavaScript on
// the built package, because Node 20 runs no TypeScript.
//
//   node race-witnesses.js <directory> <seconds by which the clock is wrong> <vkey of a log>...
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { cosignerOf, parseVkey, privateKeyFromSeed } from '@vitrine/core';
import { mlDsa44 } from '@vitrine/core/ml-dsa';
import { Witness, witnessApp } from '../dist/index.js';

const [directory, skew, ...vkeys] = process.argv.slice(2);
const logs = vkeys.map(parseVkey);
const options = { schemes: [mlDsa44] };
const keyOf = (name, type, n) =>
  cosignerOf(privateKeyFromSeed(`witness.example/${name}`, type, new Uint8Array(32).fill(n), options), options);
const ports = [];
for (const [name, cosigners] of [
  ['one', [keyOf('w4', 0x04, 4)]],
  ['two', [keyOf('w3', 0x04, 3), keyOf('w6', 0x06, 6)]],
]) {
  const state = join(directory, name);
  mkdirSync(state, { recursive: true });
  const witness = await Witness.open({
    directory: state,
    cosigners,
    keysOf: (origin) => logs.filter(({ keyName }) => keyName === origin),
    now: () => Math.floor(Date.now() / 1000) + Number(skew),
    growth: { perSecond: 1000, burst: 1000 },
    renewAfter: 0,
  });
  const onFault = (error) => process.stderr.write(`${error.stack}\n`);
  const server = createServer(getRequestListener(witnessApp({ witness, onFault }).fetch));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports.push(server.address().port);
}
process.stdout.write(`${ports.join(' ')}\n`);
