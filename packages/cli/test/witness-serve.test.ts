import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { formatPrivateKey, formatVkey, parseSignedNote } from '@vitrine/core';
import { originHash } from '@vitrine/witness';
import { describe, expect, test, vi } from 'vitest';
import { parseAs, parseLinesAs } from './support/json-schema.ts';
import { done } from './support/releases.ts';
import { type ServingCommand, serveWith, startServing } from './support/serving.ts';
import { LOG_KEY, WITNESS_KEY, WITNESS_ML_DSA_KEY, type Workspace, workspaceWithLog } from './support/workspace.ts';

const HASH = originHash('example.com/log');

const serveArgs = (key: string, state: string): string[] => [
  ...['witness', 'serve', '--key', key, '--policy', 'policy', '--state', state],
  ...['--listen', '0'],
];

/** A log, and the keys and empty states of two witnesses. */
async function workspaceToWitness(): Promise<Workspace> {
  const w = await workspaceWithLog({ entries: ['one', 'two', 'three'] });
  for (const [name, key] of [
    ['w4', WITNESS_KEY],
    ['w6', WITNESS_ML_DSA_KEY],
  ] as const) {
    w.write(`${name}.key`, `${formatPrivateKey(key)}\n`);
    chmodSync(w.path(`${name}.key`), 0o600);
    mkdirSync(w.path(`${name}.state`));
  }
  return w;
}

function writeUrls(w: Workspace, urls: readonly (string | undefined)[], quorum = 'all'): void {
  const [w4, w6] = urls;
  w.write(
    'urls',
    `log ${formatVkey(LOG_KEY.vkey)}\nwitness w4 ${formatVkey(WITNESS_KEY.vkey)} ${w4 ?? ''}\n` +
      `witness w6 ${formatVkey(WITNESS_ML_DSA_KEY.vkey)} ${w6 ?? ''}\ngroup both ${quorum} w4 w6\nquorum both\n`,
  );
}

const start = (w: Workspace, name: string): Promise<ServingCommand> =>
  startServing(w, serveArgs(`${name}.key`, `${name}.state`));

describe('vitrine witness serve', () => {
  test('cosigns what vitrine witness gather sends, shows it, and stops when it is told to', async () => {
    const w = await workspaceToWitness();
    const servers = [await start(w, 'w4'), await start(w, 'w6')] as const;
    writeUrls(
      w,
      servers.map(({ url }) => url),
    );
    const gathered = await done(w, ['witness', 'gather', '--log', 'log', '--policy', 'urls']);
    expect(gathered.stdout).toBe('3 entries of example.com/log: 2 of 2 witnesses have cosigned\n');
    const note = (await done(w, ['checkpoint', '--cosigned', '--log', 'log'])).stdoutBytes;
    expect(parseSignedNote(note).signatures).toHaveLength(3);
    const shown = await fetch(`${servers[0].url}/${HASH}/checkpoint`);
    expect(shown.status).toBe(200);
    expect(await shown.text()).toBe(w.read(`w4.state/monitoring/${HASH}/checkpoint`).toString());
    await done(w, ['prove', 'inclusion', '1', '--cosigned', '--log', 'log']);

    const json = await done(w, ['witness', 'gather', '--log', 'log', '--policy', 'urls', '--json']);
    expect(parseAs('witness-gather', json.stdout)).toMatchObject({ size: 3, satisfied: true });
    const metrics = await (await fetch(`${servers[0].url}/metrics`)).text();
    expect(metrics).toContain('\nvitrine_witness_cosigned_total 2\n');
    expect(metrics).toContain('\nvitrine_witness_logs 1\n');
    expect(await (await fetch(`${servers[0].url}/healthz`)).text()).toBe('ok\n');
    const get = await fetch(`${servers[0].url}/add-checkpoint`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'OPTIONS, POST']);
    for (const server of servers) expect(await server.stop()).toBe(0);
    expect(servers[0].said()).toContain('"msg":"cosigned"');
  });

  test('can answer one after the other: what came is kept until it is enough, and the checkpoint that was cosigned before', async () => {
    const w = await workspaceToWitness();
    const gather = ['witness', 'gather', '--log', 'log', '--policy', 'urls'];
    const servers = [await start(w, 'w4'), await start(w, 'w6')] as const;
    const ports = servers.map(({ url }) => new URL(url).port);
    writeUrls(
      w,
      servers.map(({ url }) => url),
    );
    await done(w, gather);
    const cosigned = ['checkpoint', '--cosigned', '--log', 'log'];
    const before = (await done(w, cosigned)).stdout;
    w.write('entry', 'four');
    await done(w, ['add', '--raw', 'entry', '--log', 'log']);
    await servers[1].stop();
    const first = await w.run(gather);
    expect([first.status, first.stdout]).toEqual([3, '4 entries of example.com/log: 1 of 2 witnesses have cosigned\n']);
    expect(first.stderr).toContain('vitrine: witness-pending: ');
    expect((await done(w, ['checkpoint', '--log', 'log'])).stdout).toContain('— witness.example/w4 ');
    expect((await done(w, cosigned)).stdout).toBe(before);

    await servers[0].stop();
    await startServing(w, [...serveArgs('w6.key', 'w6.state').slice(0, -1), ports[1]!]);
    const second = await done(w, gather);
    expect(second.stdout).toBe('4 entries of example.com/log: 2 of 2 witnesses have cosigned\n');
    const after = (await done(w, cosigned)).stdoutBytes;
    expect(parseSignedNote(after).signatures).toHaveLength(3);
    expect(parseSignedNote(after).text).toContain('\n4\n');
  });

  test('says what it is, as JSON too', async () => {
    const w = await workspaceToWitness();
    const args = [...serveArgs('w4.key', 'w4.state'), '--json'];
    const { url: line, stop } = await startServing(w, args);
    expect(parseAs('witness-serve', line)).toMatchObject({
      keys: [{ keyName: 'witness.example/w4' }],
      logs: ['example.com/log'],
    });
    await stop();
  });

  test('has its state for itself: others are told where it answers', async () => {
    const w = await workspaceToWitness();
    const { url, stop } = await start(w, 'w4');
    const { stdoutBytes } = await done(w, ['prove', 'consistency', '0', '--log', 'log']);
    const args = ['witness', 'cosign', '--key', 'w4.key', '--policy', 'policy', '--state', 'w4.state'];
    const refused = await w.run(args, { input: stdoutBytes });
    expect(refused).toMatchObject({ status: 3, stdout: '' });
    expect(refused.stderr).toContain(`vitrine: state-locked: `);
    expect(refused.stderr).toContain(url);
    // Over HTTP, or when it is gone.
    const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: new Uint8Array(stdoutBytes) });
    expect(answer.status).toBe(200);
    await stop();
    expect((await w.run(args, { input: stdoutBytes })).stderr).toContain('witness-conflict');
  });

  test('hears of logs that are added and removed while it runs', async () => {
    const w = await workspaceToWitness();
    w.write('policy', 'quorum none\n');
    const { url } = await start(w, 'w4');
    writeUrls(w, [url, undefined], 'any');
    const gather = ['witness', 'gather', '--log', 'log', '--policy', 'urls'];
    const unknown = await w.run(gather);
    expect(unknown).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('it answers 404: the log "example.com'),
    });
    const vkey = formatVkey(LOG_KEY.vkey);
    await done(w, ['witness', 'log', 'add', vkey, '--state', 'w4.state']);
    await vi.waitFor(async () => expect((await w.run(gather)).status).toBe(0), { timeout: 120_000, interval: 100 });
    await done(w, ['witness', 'log', 'remove', vkey, '--state', 'w4.state']);
    await expect.poll(async () => (await w.run(gather)).stderr).toContain('it answers 404');
  });

  test('refuses a log with two histories, says so loudly, and shows the evidence', async () => {
    const w = await workspaceToWitness();
    cpSync(w.path('log'), w.path('fork'), { recursive: true });
    const { url, said } = await start(w, 'w4');
    writeUrls(w, [url, undefined], 'any');
    for (const [log, entry] of [
      ['log', 'a'],
      ['fork', 'b'],
    ] as const) {
      w.write('entry', entry);
      await done(w, ['add', '--raw', 'entry', '--log', log]);
    }
    await done(w, ['witness', 'gather', '--log', 'log', '--policy', 'urls']);
    const forked = await w.run(['witness', 'gather', '--log', 'fork', '--policy', 'urls']);
    expect(forked.status).toBe(3);
    expect(forked.stderr).toContain('w4: THE LOG HAS SHOWN IT ANOTHER HISTORY, or it is wrong: it answers 422: ');
    const { stdout } = await done(w, ['witness', 'evidence', '--state', 'w4.state', '--json']);
    expect(parseLinesAs('witness-evidence', stdout)).toMatchObject([{ kind: 'two-roots', origin: 'example.com/log' }]);
    await expect.poll(() => said()).toContain('"kind":"two-roots"');
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('\nvitrine_witness_contradictions_total 2\n');
    const status = await w.run(['witness', 'status', '--log', 'fork', '--policy', 'urls']);
    expect(status.status).toBe(1);
    expect(status.stdout).toMatch(/\nw4 +witness\.example\/w4 +4 +0 .*ANOTHER TREE\n/);
    expect(status.stderr).toContain('vitrine: witness-differs: w4 shows another tree of 4 entries');
  });

  test('cosigns subtrees if it is told to', async () => {
    const w = await workspaceToWitness();
    const { url } = await startServing(w, [...serveArgs('w6.key', 'w6.state'), '--subtrees']);
    expect((await fetch(`${url}/sign-subtree`, { method: 'POST', body: 'x' })).status).toBe(400);
    const plain = await start(w, 'w4');
    expect((await fetch(`${plain.url}/sign-subtree`, { method: 'POST', body: 'x' })).status).toBe(404);
    await plain.stop();
    // Which keys of the other type cannot.
    const { status, stderr } = await w.run([...serveArgs('w4.key', 'w4.state'), '--subtrees']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('witness-key: --subtrees needs a --key')]);
  });
});

describe('vitrine serve --policy', () => {
  const serve = (w: Workspace, log: string): Promise<ServingCommand> =>
    startServing(w, ['serve', '--log', log, '--policy', 'urls', '--open', '--listen', '0']);
  const add = (url: string, entry: string): Promise<Response> =>
    fetch(`${url}/add?wait=witnessed`, { method: 'POST', body: entry });

  test('publishes what the witnesses have cosigned, and goes on when one of them is killed and comes back', async () => {
    const w = await workspaceToWitness();
    const [w4, w6] = [await start(w, 'w4'), await start(w, 'w6')] as const;
    writeUrls(w, [w4.url, w6.url], 'any');
    const { url } = await serve(w, 'log');
    await vi.waitFor(async () => expect((await add(url, 'four')).status).toBe(200), {
      timeout: 120_000,
      interval: 100,
    });
    await w4.stop('SIGKILL');
    expect((await add(url, 'five')).status).toBe(200);
    const shown = await (await fetch(`${url}/checkpoint`)).text();
    expect(shown).toContain('\n5\n');
    expect(shown).toContain('— witness.example/w6 ');
    expect((await fetch(`${w6.url}/${HASH}/checkpoint`)).status).toBe(200);
  });

  test('has them cosign too where none has to', async () => {
    const w = await workspaceToWitness();
    const { url: witness } = await start(w, 'w4');
    w.write(
      'urls',
      `log ${formatVkey(LOG_KEY.vkey)}\nwitness w4 ${formatVkey(WITNESS_KEY.vkey)} ${witness}\nquorum none\n`,
    );
    const { url } = await serve(w, 'log');
    expect((await add(url, 'four')).status).toBe(200);
    await vi.waitFor(
      async () => {
        const shown = await (await fetch(`${url}/checkpoint`)).text();
        expect(shown).toContain('\n4\n');
        expect(shown).toContain('— witness.example/w4 ');
      },
      { timeout: 120_000, interval: 100 },
    );
  });

  test('takes nothing for a restored backup, and says why', async () => {
    const w = await workspaceToWitness();
    cpSync(w.path('log'), w.path('backup'), { recursive: true });
    const { url } = await start(w, 'w4');
    writeUrls(w, [url, undefined], 'any');
    const first = await serve(w, 'log');
    await vi.waitFor(async () => expect((await add(first.url, 'four')).status).toBe(200), {
      timeout: 120_000,
      interval: 100,
    });
    await first.stop();
    const restored = await serve(w, 'backup');
    await vi.waitFor(
      async () => {
        const answer = await add(restored.url, 'other');
        expect([answer.ok, await answer.json()]).toMatchObject([false, { code: 'log-behind' }]);
      },
      { timeout: 120_000, interval: 100 },
    );
    await expect.poll(() => restored.said()).toContain('nothing is appended any more');
    await restored.stop();
    expect((await done(w, ['ls', '--log', 'backup'])).stdout.split('\n')).toHaveLength(4);
  });
});

describe('vitrine witness status', () => {
  test('prints which witnesses are behind, and what went wrong with others', async () => {
    const w = await workspaceToWitness();
    const [w4, w6] = [await start(w, 'w4'), await start(w, 'w6')] as const;
    writeUrls(w, [w4.url, w6.url]);
    await done(w, ['witness', 'gather', '--log', 'log', '--policy', 'urls']);
    w.write('more', 'four\nfive\n');
    await done(w, ['add', '--lines', 'more', '--log', 'log']);
    await w6.stop();
    const args = ['witness', 'status', '--log', 'log', '--policy', 'urls'];
    const { stdout } = await done(w, args);
    const [head, first, second] = stdout.split('\n');
    expect(head).toMatch(/^witness {2}key +size {2}behind {2}cosigned +failure$/);
    expect(first).toMatch(/^w4 +witness\.example\/w4 +3 +2 +\d+ s ago +-$/);
    expect(second).toMatch(/^w6 +witness\.example\/w6 +- +- +- +\S/);
    const lines = parseLinesAs('witness-status', (await done(w, [...args, '--json'])).stdout);
    expect(lines).toMatchObject([
      { witness: 'w4', size: 3, behind: 2, sameTree: true, time: expect.any(Number) },
      { witness: 'w6', failure: expect.any(String) },
    ]);
    // The same of the log where it is served.
    const served = await startServing(w, ['serve', '--read-only', '--log', 'log', '--listen', '0']);
    const remote = await done(w, ['witness', 'status', '--log', served.url, '--policy', 'urls', '--json']);
    expect(parseLinesAs('witness-status', remote.stdout)[0]).toMatchObject({ witness: 'w4', size: 3, behind: 2 });
  });

  test('asks a witness that shows nothing there for its size, which one that is new then cosigns', async () => {
    const w = await workspaceToWitness();
    const { url } = await start(w, 'w4');
    // As where the monitoring prefix is elsewhere.
    const front = await serveWith(async (request, response) => {
      if (request.method === 'GET') return void response.writeHead(404).end();
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk as Uint8Array);
      const answer = await fetch(`${url}${request.url}`, { method: 'POST', body: Buffer.concat(chunks) });
      response
        .writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! })
        .end(await answer.text());
    });
    writeUrls(w, [front.url, undefined]);
    const args = ['witness', 'status', '--log', 'log', '--policy', 'urls', '--json'];
    const status = async (): Promise<unknown> => parseLinesAs('witness-status', (await done(w, args)).stdout);
    const expected = [
      { witness: 'w4', size: 3, behind: 0 },
      { witness: 'w6', failure: 'the policy has no URL of it' },
    ];
    expect(await status()).toMatchObject(expected);
    expect(await status()).toMatchObject(expected);
    expect((await fetch(`${url}/${HASH}/checkpoint`)).status).toBe(200);
  });

  test('finds a log that has lost entries', async () => {
    const w = await workspaceToWitness();
    cpSync(w.path('log'), w.path('backup'), { recursive: true });
    const { url } = await start(w, 'w4');
    writeUrls(w, [url, undefined], 'any');
    w.write('more', 'four\nfive\n');
    await done(w, ['add', '--lines', 'more', '--log', 'log']);
    await done(w, ['witness', 'gather', '--log', 'log', '--policy', 'urls']);
    const status = await w.run(['witness', 'status', '--log', 'backup', '--policy', 'urls']);
    expect(status).toMatchObject({ status: 1, stdout: expect.stringContaining('AHEAD OF THE LOG') });
    const gather = await w.run(['witness', 'gather', '--log', 'backup', '--policy', 'urls']);
    expect(gather).toMatchObject({ status: 1, stderr: expect.stringContaining('vitrine: log-behind: ') });
    expect(gather.stderr).toContain("it shows a checkpoint of 5 entries that this log's key has signed");
  });
});
