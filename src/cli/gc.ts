import { Command } from 'commander';
import ms from 'ms';
import { LEAST_URGENT } from '../domain/import.js';
import { listGarbage, garbageLimits, type GarbageEntry } from '../garbage/find.js';
import { escapeControls } from '../telemetry/logger.js';
import type { CollectedRecords } from '../temporal/activity-api.js';
import { GARBAGE_WORKFLOW_NOW, WORKFLOWS, type CollectedGarbage } from '../temporal/names.js';
import type { CliContext } from './context.js';
import { withStore } from './open.js';

/** Counts of a collection, those of items where they are known. */
export type GarbageCounts = Omit<CollectedGarbage, 'items'> & Partial<Pick<CollectedRecords, 'items'>>;

/** The counts in words: `2 blobs (20 bytes), 1 part (5 bytes), 1 import (10 items) and 3 idempotency keys`. */
export function garbageSummary({ blobs, parts, batches, items, idempotencyKeys }: GarbageCounts): string {
  const imports = `${counted(batches, 'import')}${items === undefined ? '' : ` (${counted(items, 'item')})`}`;
  return [
    `${counted(blobs.count, 'blob')} (${counted(blobs.bytes, 'byte')})`,
    `${counted(parts.count, 'part')} (${counted(parts.bytes, 'byte')})`,
    `${imports} and ${counted(idempotencyKeys, 'idempotency key')}`,
  ].join(', ');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/**
 * Has a worker collect garbage now, whatever the Schedule says, and waits for the end.
 * @throws Error when one that was asked for before still runs, or when it was cancelled or terminated
 */
async function collectNow(env: NodeJS.ProcessEnv, report: (line: string) => void): Promise<CollectedGarbage> {
  // Both load a second of code that other commands do without.
  const { withTemporal } = await import('./open.js');
  const { WorkflowExecutionAlreadyStartedError, WorkflowFailedError } = await import('@temporalio/client');
  return withTemporal(env, async ({ client, config }) => {
    try {
      const handle = await client.workflow.start(WORKFLOWS.collectGarbage, {
        taskQueue: config.TEMPORAL_TASK_QUEUE,
        workflowId: GARBAGE_WORKFLOW_NOW,
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        args: [{}],
        staticSummary: 'asked for on the command line',
        // Behind every import that waits, as the Schedule's.
        priority: { priorityKey: LEAST_URGENT },
      });
      report(`Collecting garbage in workflow ${GARBAGE_WORKFLOW_NOW}`);
      return (await handle.result()) as CollectedGarbage;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError)
        throw new Error(`A collection is still running: workflow ${GARBAGE_WORKFLOW_NOW}`, { cause: error });
      if (error instanceof WorkflowFailedError)
        throw new Error(`The collection did not end well: workflow ${GARBAGE_WORKFLOW_NOW}`, { cause: error });
      throw error;
    }
  });
}

interface GcOptions {
  readonly dryRun?: true;
  readonly json?: true;
}

export function gcCommand(context: CliContext): Command {
  return new Command('gc')
    .description('collect garbage now: unreferenced blobs, parts that stopped growing, records past their time')
    .option('--dry-run', 'list what would be removed, and remove nothing')
    .option('--json', 'print JSON, one object a line')
    .action((options: GcOptions) => (options.dryRun === true ? list(options, context) : collect(options, context)));
}

/** Ends with the counts of what was removed. Interrupted, the collection itself goes on. */
async function collect({ json }: GcOptions, { env, print, complain }: CliContext): Promise<void> {
  const removed = await collectNow(env, complain);
  print(json === true ? JSON.stringify(removed) : `Removed ${garbageSummary(removed)}`);
}

/** Reads the stores directly: needs neither Temporal nor a worker. */
async function list({ json }: GcOptions, { env, print }: CliContext): Promise<void> {
  await withStore(env, async (store, config) => {
    const { configuredBlobStore } = await import('../process/configured.js');
    const blobs = configuredBlobStore(config);
    const totals = { blob: { count: 0, bytes: 0 }, part: { count: 0, bytes: 0 }, import: { count: 0, bytes: 0 } };
    const limits = garbageLimits(config.RETENTION_DAYS);
    const deps = { blobs, store, now: () => new Date() };
    try {
      for await (const entry of listGarbage(deps, limits, new AbortController().signal)) {
        totals[entry.kind].count += 1;
        totals[entry.kind].bytes += entry.bytes;
        print(json === true ? JSON.stringify(entry) : lineOf(entry));
      }
    } finally {
      await blobs.close();
    }
    const idempotencyKeys = await store.idempotencyKeys.countExpired();
    const total = { blobs: totals.blob, parts: totals.part, batches: totals.import.count, idempotencyKeys };
    print(json === true ? JSON.stringify({ kind: 'total', ...total }) : `A run would remove ${garbageSummary(total)}`);
  });
}

function lineOf({ kind, name, bytes, ageMs }: GarbageEntry): string {
  return [kind, escapeControls(name), bytes, ms(Math.max(0, ageMs))].join('\t');
}
