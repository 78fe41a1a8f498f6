import { setTimeout as pause } from 'node:timers/promises';
import cliProgress from 'cli-progress';
import type { KindPlural } from '../contract/kinds.js';
import { Refused, Unreachable, type ApiClient, type StatusDocument } from './api-client.js';
import { EXIT, type ExitCode } from './exit-codes.js';

/** The gateway asks the workflow at most once a second for all who wait. */
const POLL_MS = 1_000;
/** A gateway that is restarted, also on another machine, is back within a minute; longer is for a person to look at. */
const PATIENCE_MS = 60_000;

export interface WaitOptions {
  readonly client: ApiClient;
  readonly plural: KindPlural;
  readonly id: string;
  /** Told how far it is after every look. */
  readonly onProgress?: (counts: { readonly total: number; readonly open: number }) => void;
  readonly pollMs?: number;
}

/**
 * Waits until an import has finished, through restarts of the gateway.
 * @throws Unreachable when the API could not be reached for a minute; Refused for an import that is not there
 */
export async function waitForImport({ client, plural, id, onProgress, pollMs = POLL_MS }: WaitOptions) {
  let lastAnswerAt = Date.now();
  for (;;) {
    try {
      const status = await client.status(plural, id);
      lastAnswerAt = Date.now();
      if (status.finished) return status;
      onProgress?.((await client.show(id)).counts);
    } catch (error) {
      if (!isPassing(error) || Date.now() - lastAnswerAt > PATIENCE_MS) throw error;
    }
    await pause(pollMs);
  }
}

/** Waits with a progress bar where a person looks at it. */
export async function waitWithBar(options: WaitOptions, isTerminal: boolean): Promise<StatusDocument> {
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value}/{total} items · {duration_formatted}',
    stream: process.stderr,
    noTTYOutput: false,
    hideCursor: true,
  });
  if (!isTerminal) return waitForImport(options);
  bar.start(1, 0);
  try {
    return await waitForImport({
      ...options,
      onProgress: ({ total, open }) => {
        bar.setTotal(total);
        bar.update(total - open);
      },
    });
  } finally {
    bar.stop();
  }
}

/** How a command ends that has waited for an import. */
export function exitCodeOf(status: StatusDocument, plural: KindPlural): ExitCode {
  if (!status.finished) return EXIT.ok;
  if (status.state === 'failed') return EXIT.importFailed;
  const items = status[plural];
  const hasFailed = Array.isArray(items) && items.some((item: { state?: unknown }) => item.state === 'failed');
  return hasFailed ? EXIT.itemsFailed : EXIT.ok;
}

function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refused && (error.status >= 500 || error.status === 429));
}
