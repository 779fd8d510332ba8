import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Debian's. */
const EXECUTABLE = '/usr/bin/chromium';

/** Modules of this server, and nothing else: no code from text, none from elsewhere, none in the page itself. */
const POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";

const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript' };

// Both the page and the worker run it.
const CALLER = `
const violations = [];
addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
  violations.push(effectiveDirective + ' ' + blockedURI);
});
globalThis.call = async ({ module, name, args }) => {
  const value = await (await import(module))[name](...args);
  // The browser tells of a violation in a task of its own.
  await new Promise((resolve) => setTimeout(resolve));
  return { value, violations };
};
globalThis.callInWorker = (request) => new Promise((resolve, reject) => {
  const worker = new Worker('/call.js', { type: 'module' });
  worker.onmessage = ({ data: { error, result } }) => {
    worker.terminate();
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  };
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(request);
});
if (typeof document === 'undefined') {
  onmessage = ({ data }) => call(data).then(
    (result) => postMessage({ result }),
    (error) => postMessage({ error: String(error) }),
  );
}
`;

const OWN_FILES: Readonly<Record<string, string>> = {
  '/': '<!doctype html><title>Vitrine</title><script type="module" src="/call.js"></script>',
  '/call.js': CALLER,
};

/** A function that a module exports. Arguments and what it returns, or resolves to, are JSON. */
export interface BrowserCall {
  /** The module's file name in one of the directories. */
  readonly module: string;
  readonly name: string;
  readonly args?: readonly unknown[];
  /** In a worker of its own, and not in the page. */
  readonly worker?: boolean;
}

/** What a call came to. */
export interface BrowserResult {
  readonly value: unknown;
  /** What the Content-Security-Policy has forbidden since the page, or the worker, began. */
  readonly violations: readonly string[];
}

/** A page in Chromium, and a server of modules for it, under a strict Content-Security-Policy. */
export class ChromiumPage implements AsyncDisposable {
  readonly #server: Server;
  readonly #browser: Browser;
  readonly #page: Page;
  /** The file names that were asked for, in their order. */
  readonly requests: readonly string[];

  private constructor(server: Server, browser: Browser, page: Page, requests: readonly string[]) {
    this.#server = server;
    this.#browser = browser;
    this.#page = page;
    this.requests = requests;
  }

  /** @param directories whose files are served, without those further down; the first that has a file gives it */
  static async open(...directories: readonly string[]): Promise<ChromiumPage> {
    const requests: string[] = [];
    const server = serve(directories, requests);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      // As root, as which the system tests run, Chromium has no sandbox.
      const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
      try {
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        return new ChromiumPage(server, browser, page, requests);
      } catch (error) {
        await browser.close();
        throw error;
      }
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** @throws Error if the function throws */
  call({ module, name, args = [], worker = false }: BrowserCall): Promise<BrowserResult> {
    const request = JSON.stringify({ module: `/${module}`, name, args });
    return this.#page.evaluate(`${worker ? 'callInWorker' : 'call'}(${request})`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function serve(directories: readonly string[], requests: string[]): Server {
  return createServer(async ({ url = '/' }, response) => {
    const own = OWN_FILES[url];
    const name = url.slice(1);
    if (own === undefined) requests.push(name);
    const content = own ?? (/^[\w-]+\.\w+$/.test(name) ? await readFirst(directories, name) : undefined);
    response.writeHead(content === undefined ? 404 : 200, {
      'content-security-policy': POLICY,
      'content-type': TYPES[extname(url)] ?? (own === undefined ? 'application/octet-stream' : 'text/html'),
      'cache-control': 'no-store',
    });
    response.end(content);
  });
}

async function readFirst(directories: readonly string[], name: string): Promise<Buffer | undefined> {
  for (const directory of directories) {
    try {
      return await readFile(join(directory, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}
