import { ApplicationFailure } from '@temporalio/common';
import { CancellationScope, defineUpdate, setHandler } from '@temporalio/workflow';
import {
  REFUSALS,
  UPDATES,
  type ImportBatchInput,
  type ImportProgress,
  type PauseResult,
} from '../src/temporal/names.js';
import { markPaused } from './activity-options.js';
import { showState } from './import-report.js';

const pauseUpdate = defineUpdate<PauseResult>(UPDATES.pause);
const resumeUpdate = defineUpdate<PauseResult>(UPDATES.resume);
const retryUpdate = defineUpdate<boolean, [number: number]>(UPDATES.retry);

/** What operators have told an import: whether it is paused, and which retries it has to perform. */
export class ImportControl {
  /** ISO 8601; undefined while the import is not paused. */
  pausedAt: string | undefined;
  /** Whether the batch is being ended, so that it is too late for a pause. */
  isEnding = false;
  /** Numbers of retries that are still to be performed, in the order in which they were asked for. */
  readonly retries: number[];
  /** Whether nothing may start before the retries were performed, because the batch may have ended. */
  retriesFirst: boolean;
  /** How often the import was paused or resumed by this run. */
  private changes = 0;
  private marked: Promise<void> = Promise.resolve();

  /** @param onChange called when something was told that the loop of the import has to look at */
  constructor(
    private readonly input: ImportBatchInput,
    private readonly onChange: () => void,
  ) {
    const { resume, retry } = input;
    this.pausedAt = resume?.pausedAt;
    this.retries = [...(resume?.retries ?? (resume === undefined && retry !== undefined ? [retry] : []))];
    this.retriesFirst = this.retries.length > 0;
  }

  /** What the next run has to know. */
  get carried(): Pick<ImportProgress, 'pausedAt' | 'retries'> {
    const { pausedAt, retries } = this;
    return { ...(pausedAt !== undefined && { pausedAt }), ...(retries.length > 0 && { retries }) };
  }

  /** Takes updates from now on. A validator refuses one before it is in the history. */
  listen(): void {
    const root = CancellationScope.current();
    const mayRetry = (): void => {
      if (root.consideredCancelled)
        throw ApplicationFailure.nonRetryable('The import is being cancelled', REFUSALS.cancelled);
    };
    const mayPause = (): void => {
      mayRetry();
      if (this.isEnding) throw ApplicationFailure.nonRetryable('The import is about to end', REFUSALS.ending);
    };
    setHandler(pauseUpdate, () => this.setPaused(this.pausedAt ?? new Date().toISOString()), {
      validator: mayPause,
      description: 'Lets what is under way end, and starts nothing more',
    });
    setHandler(resumeUpdate, () => this.setPaused(undefined), {
      validator: mayPause,
      description: 'Starts again what is due',
    });
    setHandler<boolean, [number: number], typeof retryUpdate>(retryUpdate, (number: number) => this.retry(number), {
      validator: mayRetry,
      description: 'Opens failed items again, as the retry of this number says',
    });
  }

  /** Resolves when the database shows it: one change after the other, so that the last one is shown at last. */
  private async setPaused(at: string | undefined): Promise<PauseResult> {
    const hasChanged = at !== this.pausedAt;
    this.pausedAt = at;
    this.onChange();
    if (hasChanged) showState(at === undefined ? 'started' : 'paused');
    this.marked = this.marked.catch(() => undefined).then(() => this.markPaused());
    await this.marked;
    return { hasChanged };
  }

  private async markPaused(): Promise<void> {
    const { projectId, batchId } = this.input;
    const since = this.pausedAt ?? null;
    this.changes += 1;
    const summary = since === null ? 'resumed' : 'paused';
    const options = { activityId: `${summary}-${this.changes}`, summary };
    await markPaused.executeWithOptions(options, [{ projectId, batchId, since }]);
  }

  /** Answers whether the number is new. */
  private retry(number: number): boolean {
    if (this.retries.includes(number)) return false;
    this.retries.push(number);
    this.onChange();
    return true;
  }
}
