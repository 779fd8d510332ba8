import { spawn } from 'node:child_process';
import { Hono } from 'hono';
import { expect, onTestFinished, test } from 'vitest';
import { listen } from '../../src/listen.ts';
import { Metrics } from '../../src/metrics.ts';

const CONNECTIONS = 10_000;

// In a process of its own, because each end of a connection takes a file descriptor.
const CLIENT = `
const { connect } = require('node:net');
let closed = 0;
const open = (i) => {
  if (i === ${CONNECTIONS}) return console.log('open');
  const socket = connect(Number(process.argv[1]), '127.0.0.1');
  socket.on('error', () => {}).on('close', () => closed++).once('connect', () => open(i + 1)).resume();
};
open(0);
process.stdin.on('data', () => console.log('closed ' + closed));
`;

test('10,000 idle connections keep nobody from being answered, and are closed', async () => {
  const metrics = new Metrics();
  const app = new Hono().get('/', (c) => c.text('answered'));
  const limits = { headersTimeout: 20_000 };
  const { url, close } = await listen(app, { host: '127.0.0.1', port: 0, metrics, limits });
  onTestFinished(() => close());
  const client = spawn(process.execPath, ['-e', CLIENT, new URL(url).port], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void client.kill());
  let said = '';
  client.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(said);
      if (found !== null) return found;
      // Others are answered meanwhile.
      expect(await (await fetch(url, { headers: { connection: 'close' } })).text()).toBe('answered');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await until(/open/);
  const connections = Number(/^vitrine_http_connections (\d+)$/m.exec(await metrics.text())![1]);
  expect(connections).toBeLessThanOrEqual(4096);
  client.stdin.write('x');
  const [, closed] = await until(/closed (\d+)/);
  expect(Number(closed)).toBeGreaterThanOrEqual(CONNECTIONS - 4096 - 10);
  // The rest have said nothing in time.
  while (!/^vitrine_http_connections [0-9]$/m.test(await metrics.text())) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(await (await fetch(url)).text()).toBe('answered');
});
