import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { mintToken } from '../../src/cli/credentials.js';
import { DEFAULT_PROJECT } from '../../src/local-stack/project.js';
import { readSecrets } from '../../src/local-stack/files.js';
import { startOrigin, type Origin } from '../servers/origin-server.js';
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.js';
import { startStack, type RunningStack } from './running-stack.js';
import { sampleMedia } from './sample-media.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

/** The path of a browser on this machine; null when there is none. */
export function findBrowser(): string | null {
  for (const name of BROWSERS) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // Looked for under the next name.
    }
  }
  return null;
}

/** Why the tests of the page are skipped on a machine without a browser. */
export const NO_BROWSER = `No browser: none of ${BROWSERS.join(', ')} is on the PATH, so the page is not tested (Debian: apt-get install chromium)`;

export interface PageRig {
  readonly stack: RunningStack;
  readonly origin: Origin;
  readonly receiver: WebhookReceiver;
  readonly api: string;
  token(scope: string, name?: string): Promise<string>;
  /** A tab of a browser of its own, signed in with a token of these scopes. */
  open(path: string, options?: OpenOptions): Promise<OpenPage>;
  close(): Promise<void>;
}

interface OpenOptions {
  /** Null for a tab that is not signed in. */
  readonly scope?: string | null;
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained about: violations of the policy, errors of scripts, requests to other origins. */
  readonly complaints: readonly string[];
}

const EDITOR = 'public-api:read public-api:write';

/** The built product with a source of files, and a browser in front of it. */
export async function startPageRig(executablePath: string): Promise<PageRig> {
  const origin = await startOrigin();
  const receiver = await startWebhookReceiver();
  for (const [path, file, type] of SERVED) {
    const { body } = sampleMedia(file);
    origin.route(path, (_request, response) => {
      response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body);
    });
  }
  const stack = await startStack({
    EGRESS_ALLOW: `127.0.0.1/32:${origin.port},127.0.0.1/32:${receiver.port}`,
    RETRY_ATTEMPTS: '3',
    RETRY_INITIAL: '100ms',
    RETRY_MAX: '500ms',
  });
  // Root has no user namespaces in most containers, and nothing but our own page is opened.
  const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const { api } = await stack.run();

  const token = async (scope: string, name = 'test'): Promise<string> => {
    const secret = (await readSecrets(stack.dataDir))?.tokenSecret ?? '';
    const wish = { projectId: DEFAULT_PROJECT, scope, name, expiresInMs: 60 * 60_000 };
    return (await mintToken(wish, { secret })).token;
  };

  return {
    ...{ stack, origin, receiver, api, token },
    async open(path, { scope = EDITOR, width = 1280, height = 900, theme = 'light' } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: theme,
        acceptDownloads: true,
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' && !/status of [45]\d\d/.test(message.text())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        const { origin: asked, protocol } = new URL(request.url());
        if (asked !== api && protocol !== 'blob:') complaints.push(`A request to ${asked}`);
      });
      if (scope !== null) {
        const value = await token(scope, 'Ada');
        await page.addInitScript(`sessionStorage.setItem('durable-import.token', ${JSON.stringify(value)})`);
      }
      await page.goto(`${api}${path}`);
      return { page, context, complaints };
    },
    async close() {
      await browser.close();
      await stack.clear();
      await Promise.all([origin.close(), receiver.close()]);
    },
  };
}

/** A system name that no other test imports into. */
export function aSystem(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

const SERVED = [
  ['/films/opening.mp4', 'clip.mp4', 'video/mp4'],
  ['/films/harbour.webm', 'clip.webm', 'video/webm'],
  ['/photos/harbour.jpg', 'picture.jpg', 'image/jpeg'],
  ['/photos/logo.png', 'picture.png', 'image/png'],
  ['/papers/annual-report.pdf', 'document.pdf', 'application/pdf'],
] as const;
