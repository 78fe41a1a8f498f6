import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { builtPageFolder } from '../../../src/process/configured.js';
import { eventually } from '../../support/eventually.js';
import { aSystem, findBrowser, NO_BROWSER, startPageRig, type OpenPage, type PageRig } from '../../support/page-rig.js';

/** The promise of the issue of this page: all JavaScript, as it is sent. */
const BUDGET = 60_000;

describe('the built page', () => {
  it('needs at most 60 kB of compressed JavaScript', () => {
    const folder = join(builtPageFolder(), 'assets');
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.js.gz'));
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0)).toBeLessThanOrEqual(BUDGET);
  });

  it('has nothing inline, and asks for nothing from elsewhere', () => {
    const index = readFileSync(join(builtPageFolder(), 'index.html'), 'utf8');
    expect(index).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i);
    expect(index.match(/(?:src|href)="([^"]*)"/g)?.every((link) => link.includes('"/ui/'))).toBe(true);
  });
});

const executable = findBrowser();
if (executable === null) process.stderr.write(`${NO_BROWSER}\n`);
const withBrowser = executable === null ? describe.skip : describe;

withBrowser('the page in a browser', () => {
  let rig: PageRig;
  beforeAll(async () => {
    rig = await startPageRig(executable ?? '');
  }, 240_000);
  afterAll(() => rig.close());

  const opened: OpenPage[] = [];
  const open: PageRig['open'] = async (path, options) => {
    const tab = await rig.open(path, options);
    opened.push(tab);
    return tab;
  };
  const file = (path: string) => `${rig.origin.url}${path}`;
  const post = async (
    plural: string,
    systemName: string,
    paths: readonly string[],
    more: object = {},
  ): Promise<string> => {
    const items = paths.map((path, at) => ({
      url: file(path),
      id: `item-${at}`,
      fileName: `file-${at}`,
      metadata: {},
    }));
    const response = await fetch(`${rig.api}/api/v1/import/${plural}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await rig.token('public-api:write')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ systemName, [plural]: items, ...more }),
    });
    return ((await response.json()) as { id: string }).id;
  };
  const heading = (page: Page) => page.getByRole('heading', { level: 1 });
  const expectText = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

  it('asks for a token, says why one is refused, and keeps a good one for the tab alone', async () => {
    const { page, context } = await open('/ui/', { scope: null });
    await page.getByLabel('Access token').fill('nonsense');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expectText(page, 'This is not an access token');
    await page.getByLabel('Access token').fill(await rig.token('public-api:read', 'Ada'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await heading(page).getByText('Imports').waitFor();
    const other = await context.newPage();
    await other.goto(`${rig.api}/ui/`);
    await other.getByLabel('Access token').waitFor();
  });

  it('takes an editor from pasted lines with mistakes to media in the library', async () => {
    const system = aSystem('magazine');
    const { page } = await open('/ui/new');
    const lines = [
      file('/films/opening.mp4'),
      'cdn.example.com/photos/quay.jpg',
      file('/photos/logo.png'),
      'ftp://files.example.com/a.pdf',
    ];
    await page.getByLabel('URLs, one a line, or a table').fill(lines.join('\n'));
    await page.getByRole('button', { name: 'Check these' }).click();
    // The sentences are those of the service.
    await expectText(page, 'The URL must be absolute and start with http:// or https://');
    await page.getByLabel('System').first().fill(system);
    await page.getByRole('button', { name: 'Start with 2 good lines, leave out 2' }).waitFor();
    await page.getByLabel('URL of line 4').fill(file('/papers/annual-report.pdf'));
    await page.getByLabel('URL of line 4').press('Enter');
    await page.getByRole('button', { name: 'Use https://cdn.example.com/photos/quay.jpg' }).click();
    await page.getByRole('button', { name: 'Start 4 items' }).waitFor();
    await page.getByLabel('Leave out line 2').click();
    await page.getByRole('button', { name: 'Start 3 items' }).click();
    // One import for each kind, listed together.
    await page.waitForURL(new RegExp(`system=${system}`));
    await eventually('three imports that have finished', async () => (await page.getByText('Finished').count()) === 3);
    await page.getByRole('link', { name: 'Library' }).click();
    await page.getByRole('link', { name: 'opening.mp4' }).first().click();
    await heading(page).getByText('opening.mp4').waitFor();
    const video = page.locator('video[controls]');
    await video.waitFor();
    const seconds = await video.evaluate(
      async (element: { currentTime: number; addEventListener: (name: string, done: () => void) => void }) => {
        await new Promise<void>((resolve) => {
          element.addEventListener('seeked', resolve);
          element.currentTime = 0.5;
        });
        return element.currentTime;
      },
    );
    expect(seconds).toBeCloseTo(0.5, 1);
  });

  it('reads a dropped table, and lands on the import', async () => {
    const system = aSystem('table');
    const { page } = await open('/ui/new');
    const csv = `url;id;title\n${file('/photos/harbour.jpg')};harbour;Boats\n${file('/photos/logo.png')};logo;Logo\n`;
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
    await page.getByLabel('System').first().fill(system);
    await page.getByRole('button', { name: 'Start 2 items' }).click();
    await page.waitForURL(/\/ui\/imports\/[a-z2-7]{12}$/);
    await expectText(page, 'Finished: 2 stored');
    await eventually('the title of the tab', async () => (await page.title()) === '✓ import of 2 images');
  });

  it('keeps a table of 10,000 lines smooth: it draws only what can be seen', async () => {
    const { page } = await open('/ui/new');
    const csv = Array.from({ length: 10_000 }, (_, at) => `https://cdn.example.com/${at}.jpg`).join('\n');
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from(csv) });
    await page.getByLabel('URL of line 1', { exact: true }).waitFor();
    expect(await page.locator('.line').count()).toBeLessThan(60);
    await page.locator('.lines-view').evaluate((view: { scrollTop: number; scrollHeight: number }) => {
      view.scrollTop = view.scrollHeight;
    });
    await page.getByLabel('URL of line 10000').waitFor();
    expect(await page.locator('.line').count()).toBeLessThan(60);
  });

  it('shows an operator what failed and why, and what a retry would do before it does it', async () => {
    const id = await post('images', aSystem('agency'), [
      '/photos/logo.png',
      '/photos/gone-1.jpg',
      '/photos/gone-2.jpg',
    ]);
    const { page } = await open(`/ui/imports/${id}`);
    await expectText(page, 'Finished: 1 stored, 2 failed');
    await expectText(page, 'The server said the file does not exist (404)');
    await page.getByRole('button', { name: 'Try these 2 again…' }).click();
    await expectText(page, /2\s+will run/);
    rig.origin.route('/photos/gone-1.jpg', (_request, response) => {
      response.writeHead(302, { location: '/photos/logo.png' }).end();
    });
    await page.getByRole('dialog').getByLabel('Reason').fill('The agency has put one back');
    await page.getByRole('button', { name: 'Try 2 again' }).click();
    await expectText(page, 'Finished: 2 stored, 1 failed');
    await expectText(page, 'The agency has put one back');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Failed/ }).click();
    expect(new URL(page.url()).searchParams.get('state')).toBe('failed');
    await eventually('the one that failed', async () => (await page.locator('.item-row').count()) === 1);
  });

  it('pauses, resumes and cancels after saying what that means', async () => {
    rig.origin.route('/slow.jpg', () => undefined);
    const id = await post(
      'images',
      aSystem('slow'),
      Array.from({ length: 30 }, () => '/slow.jpg'),
    );
    const { page } = await open(`/ui/imports/${id}`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await expectText(page, 'Nothing new starts. 30 items wait until somebody resumes the import, without a deadline.');
    await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
    await heading(page).getByText('Paused').waitFor();
    await page.getByRole('button', { name: 'Cancel import' }).click();
    await page.getByRole('button', { name: 'Cancel 30 items' }).click();
    await heading(page).getByText('Stopped').waitFor();
  });

  it('offers a reading token nothing that it may not do', async () => {
    const id = await post('images', aSystem('read'), ['/photos/logo.png', '/photos/none.jpg']);
    const { page } = await open(`/ui/imports/${id}`, { scope: 'public-api:read' });
    await expectText(page, 'Finished: 1 stored, 1 failed');
    for (const name of ['Try it again…', 'Pause', 'Cancel import', 'Send it again…'])
      expect([name, await page.getByRole('button', { name }).count()]).toEqual([name, 0]);
    expect(await page.getByRole('link', { name: 'New import' }).count()).toBe(0);
    await page.goto(`${rig.api}/ui/new`);
    await expectText(page, 'This token may read only');
  });

  it('keeps filters in the address, so that back, forward and a shared link show the same', async () => {
    const { page } = await open('/ui/');
    const chip = (name: string) => page.getByRole('button', { name, exact: true });
    await chip('Running').click();
    await page.getByLabel('Kind').selectOption('video');
    expect(new URL(page.url()).search).toBe('?show=running&kind=video');
    await page.goBack();
    expect(new URL(page.url()).search).toBe('?show=running');
    expect(await page.getByLabel('Kind').inputValue()).toBe('');
    await page.goBack();
    expect(await chip('All').getAttribute('aria-pressed')).toBe('true');
    await page.goForward();
    await page.goForward();
    expect(await page.getByLabel('Kind').inputValue()).toBe('video');
    await page.reload();
    expect(await chip('Running').getAttribute('aria-pressed')).toBe('true');
  });

  it('lets new imports wait behind a button, and stops when it is told to', async () => {
    const { page } = await open('/ui/');
    await page.getByRole('button', { name: 'Stop updates' }).waitFor();
    await page.locator('.import-row').first().waitFor();
    const system = aSystem('fresh');
    await post('images', system, ['/photos/logo.png']);
    await page.getByRole('button', { name: '1 new import, show' }).click();
    await expectText(page, system);
    await page.getByRole('button', { name: 'Stop updates' }).click();
    await expectText(page, /^Stopped, as of/);
  });

  it('is worked with the keyboard alone', async () => {
    const { page } = await open('/ui/');
    await page.locator('.import-row').first().waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    await eventually('an import in focus', async () => {
      await page.keyboard.press('Tab');
      return page.evaluate<boolean>("document.activeElement.matches('.import-row a')");
    });
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/ui\/imports\//);
    await eventually(
      'the focus in the new place',
      async () => (await page.evaluate('document.activeElement.id')) === 'content',
    );
  });

  const places = async (): Promise<readonly (readonly [string, string])[]> => {
    const id = await post('images', aSystem('looks'), ['/photos/logo.png', '/photos/none.jpg']);
    return [
      ['the sign-in page', '/ui/'],
      ['imports', '/ui/'],
      ['a new import', '/ui/new'],
      ['an import', `/ui/imports/${id}`],
      ['the library', '/ui/media'],
      ['hosts', '/ui/hosts'],
      ['an address without a place', '/ui/nowhere'],
    ];
  };

  it.each(['light', 'dark'] as const)(
    'has no serious finding of axe in any place, %s, and fits 320 pixels',
    async (theme) => {
      const findings: unknown[] = [];
      for (const [name, path] of await places()) {
        for (const width of [1280, 320]) {
          const scope = name === 'the sign-in page' ? null : 'public-api:read public-api:write operations';
          const { page } = await open(path, { scope, theme, width });
          await heading(page).waitFor();
          await eventually('content', async () => (await page.locator('.skeleton').count()) === 0);
          await page.evaluate(axe.source);
          const found: AxeResults = await page.evaluate('axe.run()');
          for (const { id, impact, nodes } of found.violations)
            if (impact === 'serious' || impact === 'critical') findings.push([name, width, id, nodes[0]?.html]);
          if (await page.evaluate('document.documentElement.scrollWidth > innerWidth'))
            findings.push([name, width, 'is wider than the window']);
        }
      }
      expect(findings).toEqual([]);
    },
  );

  it('goes on by itself after the gateway has been away, and keeps what it showed', async () => {
    rig.origin.route('/endless.jpg', () => undefined);
    const id = await post('images', aSystem('away'), ['/endless.jpg']);
    const { page } = await open(`/ui/imports/${id}`);
    await heading(page).getByText('Running').waitFor();
    const { pids } = await rig.stack.run();
    // `start` brings the gateway back, perhaps before the page asks again: until it has asked, every connection is refused.
    await page.route('**/api/**', (route) => route.abort('connectionrefused'));
    process.kill(pids.gateway ?? 0, 'SIGKILL');
    await expectText(page, /^Not reachable, as of/);
    expect(await heading(page).textContent()).toContain('Running');
    await page.unroute('**/api/**');
    await expectText(page, /^Updated/);
  });

  it('never breaks its policy, and asks no other host for anything', () => {
    const unexpected = opened
      .flatMap(({ complaints }) => complaints)
      .filter((text) => !text.includes('ERR_CONNECTION'));
    expect(opened.length).toBeGreaterThan(10);
    expect(unexpected).toEqual([]);
  });
});
