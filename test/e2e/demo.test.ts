import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runBuiltCli, stackEnvironment, type FinishedCommand } from '../support/running-stack.js';

describe('durable-import demo', () => {
  let env: NodeJS.ProcessEnv;
  let demo: FinishedCommand;
  beforeAll(async () => {
    env = await stackEnvironment({});
    demo = await runBuiltCli(['demo'], env);
  }, 240_000);
  afterAll(() => {
    rmSync(env['DATA_DIR'] ?? '', { recursive: true, force: true });
  });

  it('ends with 0 and says that all is as expected', () => {
    expect(demo).toMatchObject({ code: 0 });
    expect(demo.stdout).toContain('All as expected');
  });

  it('shows how far it is', () => {
    expect(demo.stderr).toMatch(/Importing .* 9\/9 items/);
  });

  it('prints the published status documents, with the codes of what must fail', () => {
    expect(demo.stdout).toMatch(/"externalId": "login-page",\s+"code": "type_mismatch"/);
    expect(demo.stdout).toMatch(/"externalId": "missing",\s+"code": "http_404"/);
    expect(demo.stdout).toMatch(/"state": "success",\s+"systemName": "[^"]+",\s+"externalId": "flaky"/);
    for (const mimeType of ['video/mp4', 'video/webm', 'video/quicktime', 'image/png', 'image/jpeg'])
      expect(demo.stdout).toContain(`"mimeType": "${mimeType}"`);
  });

  it('prints the media records', () => {
    expect(demo.stdout.match(/^Media record: /gm)).toHaveLength(7);
    expect(demo.stdout).toMatch(/Media record: .*"externalId":"pdf".*"mimeType":"application\/pdf"/);
  });

  it('has verified a webhook for every import', () => {
    expect(demo.stdout.match(/^Webhook msg_\S+, signature verified: /gm)).toHaveLength(3);
  });

  it('prints the Temporal UI link of every import', () => {
    expect(demo.stdout.match(/^Temporal UI: http:\S+\/workflows\/import%2Fdefault%2F/gm)).toHaveLength(3);
  });
});
