import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canPin } from './http-server.ts';

/** Whether there is a load generator. Those of Node are slower than what they would measure. */
export const hasWrk: boolean = (() => {
  try {
    execFileSync('which', ['wrk'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** What is asked, and by how many. */
export interface Load {
  readonly url: string;
  readonly clients: number;
  readonly seconds: number;
  /** The body of a Lua function: gives a request to `wrk.format`; `n` is 0, 1, 2 and so on, `run` a number that no other run has. */
  readonly request: string;
  /** Where the script is put. */
  readonly directory: string;
}

/** How it was answered; times in milliseconds. */
export interface Answered {
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Other answers than 2xx and 3xx. */
  readonly refused: number;
  /** Without an answer. */
  readonly failed: number;
}

/** Milliseconds for all clients to connect, before any of them asks: Node accepts one connection in a turn of its loop. */
const CONNECTING = 3000;

let runs = 0;

/** Loads a server with `wrk`, on the second core. */
export async function load({ url, clients, seconds, request, directory }: Load): Promise<Answered> {
  const script = join(directory, 'load.lua');
  // https://github.com/wg/wrk/blob/master/SCRIPTING. The time of a request begins after its delay.
  const lua = `
local connecting = ${clients}
function delay()
  if connecting == 0 then return 0 end
  connecting = connecting - 1
  return ${CONNECTING}
end
local run, next = ${++runs}, 0
function request()
  local n = next
  next = n + 1
  ${request}
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"requests":%d,"p50":%f,"p99":%f,"p999":%f,"refused":%d,"failed":%d}',
    summary.requests, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
    errors.status, failed))
end`;
  writeFileSync(script, lua);
  const duration = `${seconds + CONNECTING / 1000}s`;
  const args = ['wrk', '--threads', '1', '--connections', `${clients}`, '--duration', duration, '--timeout', '30s'];
  const [program, ...rest] = [...(canPin ? ['taskset', '-c', '1'] : []), ...args, '--script', script, url];
  const { stdout } = await promisify(execFile)(program!, rest);
  return { ...(JSON.parse(stdout.slice(stdout.indexOf('{'))) as Answered), seconds };
}
