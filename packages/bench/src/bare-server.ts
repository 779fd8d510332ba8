import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// What Node itself can do: a GET is answered with the bytes of a full tile, a POST with a line once its body was read.
const tile = new Uint8Array(8192);
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': tile.length });
    response.end(tile);
    return;
  }
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 });
    response.end('0\n');
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
