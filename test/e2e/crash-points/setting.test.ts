import { describe, expect, it } from '@jest/globals';
import { anyFreePort } from '../../../src/local-stack/ports.js';
import { TOKEN_SECRET } from '../../support/gateway.js';
import { runBuiltCli, type FinishedCommand } from '../../support/running-stack.js';

async function run(command: string, env: Readonly<Record<string, string>>): Promise<FinishedCommand> {
  const ports = { PORT: String(await anyFreePort()), METRICS_PORT: String(await anyFreePort()) };
  return runBuiltCli([command], { ...process.env, ...ports, TOKEN_SECRET, ...env });
}

describe.each(['gateway', 'worker'])('the %s', (command) => {
  it('ends with code 1 and names the variable when CRASH_AT is no crash point', async () => {
    const { code, stderr } = await run(command, { CRASH_AT: 'after_lunch' });

    expect(code).toBe(1);
    expect(stderr).toMatch(/^CRASH_AT: after_lunch is not a crash point; there are after_claim_before_batch, /m);
  });

  it('ends with code 1 when CRASH_AT is set in production', async () => {
    const { code, stderr } = await run(command, { CRASH_AT: 'before_webhook', NODE_ENV: 'production' });

    expect(code).toBe(1);
    expect(stderr).toMatch(/CRASH_AT: .*production/);
  });
});
