import { readFileSync, readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { workflowBundle } from '../support/workflow-bundle.js';

const folder = new URL('./histories/', import.meta.url);
const fixtures = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));

let bundle: WorkflowBundle;
beforeAll(async () => {
  // A failed replay is an expected answer here, not a warning for the terminal.
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'ERROR' } } });
  bundle = await workflowBundle();
});

describe('every history of a released version', () => {
  it('covers each scenario that changed code could break', () => {
    const scenarios = new Set(fixtures.map((name) => name.split('--').slice(0, 2).join('--')));

    for (const scenario of [
      'all-good',
      'retries',
      'partial-failure',
      'sweep-rounds',
      'continue-as-new',
      'continued',
      'cancelled',
      'cancelled-at-continue-as-new',
      'hand-over',
      'host-rests',
      'long-download',
      'missing',
      'pages',
      'single-item',
    ])
      expect(scenarios).toContain(`import-batch--${scenario}`);
    expect(scenarios).toContain('deliver-webhook--retries');
    for (const scenario of ['all-good', 'retries']) expect(scenarios).toContain(`collect-garbage--${scenario}`);
  });

  it.each(fixtures)('replays %s', async (name) => {
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, read(name))).resolves.toBeUndefined();
  });

  it('is refused when an activity in it was never asked for by the code', async () => {
    const history = read(fixtures.find((name) => name.includes('all-good')) ?? '') as {
      events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
    };
    const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes !== undefined);
    if (scheduled?.activityTaskScheduledEventAttributes)
      scheduled.activityTaskScheduledEventAttributes.activityType.name = 'other';

    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, history)).rejects.toBeInstanceOf(
      DeterminismViolationError,
    );
  });
});
