import { execFileSync } from 'node:child_process';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { httpFetch } from '../src/http-fetch.ts';
import { Served } from './support/served.ts';
import { testContext } from './support/test-context.ts';
import { type Workspace, workspace, workspaceWithLog } from './support/workspace.ts';

/** A proxy: it forwards requests, and makes tunnels. */
async function proxy({ password = false } = {}): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const isAllowed = (request: IncomingMessage): boolean =>
    !password || request.headers['proxy-authorization'] === `Basic ${Buffer.from('me:pass word').toString('base64')}`;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (!isAllowed(request)) return response.writeHead(407).end();
    const forwarded = httpRequest(request.url!, { method: request.method!, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
    return undefined;
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => void sockets.add(socket));
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    requests.push(`CONNECT ${request.url}`);
    const [host, port] = request.url!.split(':');
    const there = connect(Number(port), host!, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      there.write(head);
      there.pipe(socket).pipe(there);
    });
    for (const one of [socket, there]) one.on('error', () => {});
    sockets.add(there);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** A certificate for this machine, by an authority that nobody knows. */
function certificate(w: Workspace): void {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: w.directory, stdio: 'pipe' });
  const subject = ['-subj', '/CN=test', '-days', '2', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  openssl('req', '-x509', ...subject, '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...subject, '-keyout', 'tls.key', '-out', 'tls.csr');
  w.write('names', 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '2'];
  openssl('x509', '-req', '-in', 'tls.csr', ...by, '-out', 'tls.pem');
}

const serveRaw = (w: Workspace, ...args: string[]): Promise<Served> =>
  Served.start(w, ['--log', 'log', '--open', ...args]);

describe('a proxy', () => {
  test.each(['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'])('is asked for what %s says', async (name) => {
    const w = await workspaceWithLog({ entries: ['first'] });
    const served = await serveRaw(w);
    const { url, requests } = await proxy();
    const result = await w.run(['ls', '--log', served.url], { env: { [name]: url } });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(requests).toContain(`GET ${served.url}/checkpoint`);
    w.write('line', 'second\n');
    expect(await w.run(['add', '--lines', 'line', '--log', served.url], { env: { [name]: url } })).toMatchObject({
      status: 0,
    });
    expect(requests).toContain(`POST ${served.url}/add-batch`);
  });

  test.each(['https_proxy', 'HTTPS_PROXY'])('makes a tunnel for what %s says', async (name) => {
    const w = await workspaceWithLog({ entries: ['first'] });
    certificate(w);
    const served = await serveRaw(w, '--tls-cert', 'tls.pem', '--tls-key', 'tls.key');
    const { url, requests } = await proxy();
    const env = { [name]: url, SSL_CERT_FILE: w.path('ca.pem') };
    expect(await w.run(['ls', '--log', served.url], { env })).toMatchObject({ status: 0, stderr: '' });
    expect(new Set(requests)).toEqual(new Set([`CONNECT ${new URL(served.url).host}`]));
  });

  test.each(['no_proxy', 'NO_PROXY'])('is not asked for what %s says', async (name) => {
    const w = await workspaceWithLog({ entries: ['first'] });
    const served = await serveRaw(w);
    const { url, requests } = await proxy();
    const env = { http_proxy: url, [name]: 'example.com,127.0.0.1' };
    expect(await w.run(['ls', '--log', served.url], { env })).toMatchObject({ status: 0 });
    expect(requests).toEqual([]);
  });

  test('is told who asks, if it wants to know', async () => {
    const w = await workspaceWithLog({ entries: ['first'] });
    const served = await serveRaw(w);
    const { url } = await proxy({ password: true });
    const ls = (by: string) =>
      w.run(['ls', '--log', served.url], { env: { http_proxy: url.replace('//', `//${by}`) } });
    expect(await ls('me:pass%20word@')).toMatchObject({ status: 0 });
    expect((await ls('')).stderr).toMatch(/^vitrine: fetch-failed: /);
  });

  test('that is not there is no way around it', async () => {
    const w = await workspaceWithLog({ entries: ['first'] });
    const served = await serveRaw(w);
    const result = await w.run(['ls', '--log', served.url], { env: { http_proxy: 'http://127.0.0.1:1' } });
    expect(result).toMatchObject({ status: 3, stdout: '' });
  });
});

describe('authorities', () => {
  test.each(['CURL_CA_BUNDLE', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])('are those in the file of %s', async (name) => {
    const w = await workspaceWithLog({ entries: ['first'] });
    certificate(w);
    const served = await serveRaw(w, '--tls-cert', 'tls.pem', '--tls-key', 'tls.key');
    const args = ['ls', '--log', served.url];
    const unknown = await w.run(args);
    expect(unknown).toMatchObject({ status: 3, stdout: '' });
    expect(unknown.stderr).toMatch(/^vitrine: fetch-failed: .*certificate/);
    expect(await w.run(args, { env: { [name]: w.path('ca.pem') } })).toMatchObject({ status: 0, stderr: '' });
  });

  test('of which curl would take the first, this takes too', async () => {
    const w = workspace();
    certificate(w);
    w.write('none.pem', '');
    const { context } = testContext({ env: { CURL_CA_BUNDLE: w.path('gone.pem'), SSL_CERT_FILE: w.path('ca.pem') } });
    await expect(httpFetch(context)).rejects.toMatchObject({ code: 'file-missing' });
  });
});

test('requests say who makes them', async () => {
  const agents: unknown[] = [];
  const server = createServer((request, response) => {
    agents.push(request.headers['user-agent']);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const fetch = await httpFetch(testContext().context);
  await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text();
  expect(agents).toEqual([expect.stringMatching(/^vitrine\/\d+\.\d+\.\d+$/)]);
});
