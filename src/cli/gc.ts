import { Command } from 'commander';
import ms from 'ms';
import { listGarbage, type GarbageEntry } from '../garbage/list-garbage.js';
import { garbageLimits } from '../garbage/limits.js';
import { escapeControls } from '../telemetry/escape-controls.js';
import { collectNow } from './collect-now.js';
import type { CliContext } from './context.js';
import { garbageSummary } from './garbage-summary.js';
import { withStore } from './open-store.js';

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
    const { configuredBlobStore } = await import('../configured-blob-store.js');
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
