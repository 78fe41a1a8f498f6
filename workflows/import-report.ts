import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import type { BatchState } from '../src/domain/import.js';
import type { FinishResult, Trouble } from '../src/temporal/activity-api.js';
import type { ImportBatchInput, ImportProgress } from '../src/temporal/names.js';

const IMPORT_STATE = defineSearchAttributeKey('ImportState', 'KEYWORD');
const ITEMS_FAILED = defineSearchAttributeKey('ItemsFailed', 'INT');
const ITEMS_OPEN = defineSearchAttributeKey('ItemsOpen', 'INT');
const TROUBLE = defineSearchAttributeKey('Trouble', 'KEYWORD_LIST');

/** Values of `Trouble`: the most frequent ones are what an operator looks for. */
const MOST_TROUBLES = 10;
/** Current details cost no event, but putting them together takes time of the workflow task. */
const SHOWN_AGAIN_MS = 10_000;
/** Each change of search attributes is an event: a dozen an hour, while an import of 10,000 items has some hundreds. */
const TOLD_AGAIN_MS = 5 * 60_000;
/** Rows of failures and hosts in the current details. */
const MOST_ROWS = 5;
/** The only item of an import has its end in the result; a memo would be one event more for each. */
const MEMO_ABOVE = 1;

/** Shows in lists of workflows how an import is. */
export function showState(state: BatchState | 'paused'): void {
  upsertSearchAttributes([{ key: IMPORT_STATE, value: state }]);
}

/** What the Temporal UI shows of an import beside its history: current details, search attributes and memo. */
export class ImportReport {
  private shownAt = 0;
  private toldAt: number;
  private told = '';
  private troubles: readonly Trouble[] = [];

  constructor(
    private readonly input: ImportBatchInput,
    now: number,
  ) {
    this.toldAt = now;
  }

  /** Keeps the current details current. */
  refresh(progress: ImportProgress, now: number): void {
    if (now - this.shownAt < SHOWN_AGAIN_MS) return;
    this.shownAt = now;
    setCurrentDetails(detailsOf(this.input, progress, this.troubles));
  }

  /** A round has told why items fail. */
  roundEnded(progress: ImportProgress, troubles: readonly Trouble[] | undefined, now: number): void {
    if (troubles !== undefined) this.troubles = troubles;
    this.shownAt = 0;
    this.refresh(progress, now);
    // Runs that were started before 0.4.0 have no page, and servers of then may not know the attributes.
    if (this.input.page === undefined || now - this.toldAt < TOLD_AGAIN_MS) return;
    const trouble = troubleOf(this.troubles, progress);
    const { failed, open } = progress.counts;
    const told = JSON.stringify([trouble, failed, open]);
    if (told === this.told) return;
    [this.told, this.toldAt] = [told, now];
    upsertSearchAttributes([
      { key: ITEMS_FAILED, value: failed },
      { key: ITEMS_OPEN, value: open },
      { key: TROUBLE, value: trouble },
    ]);
  }

  /** The batch has ended: all attributes in one event, and the counts as a memo. */
  ended(result: FinishResult, progress: ImportProgress): void {
    const { page, itemCount } = this.input;
    const { success, skipped, failed } = result.counts;
    const counts = { total: itemCount, open: 0, success, skipped, failed };
    setCurrentDetails(detailsOf(this.input, { ...progress, counts }, result.failures ?? [], result.state));
    if (page === undefined) {
      showState(result.state);
      return;
    }
    upsertSearchAttributes([
      { key: IMPORT_STATE, value: result.state },
      { key: ITEMS_FAILED, value: failed },
      { key: ITEMS_OPEN, value: 0 },
      { key: TROUBLE, value: troubleOf(result.failures ?? [], progress, false) },
    ]);
    if (itemCount > MEMO_ABOVE) upsertMemo({ success, skipped, failed });
  }
}

function troubleOf(troubles: readonly Trouble[], { waitingFor = [] }: ImportProgress, isRunning = true): string[] {
  const hosts = isRunning ? waitingFor.map(({ host }) => host) : [];
  const values = [...hosts, ...troubles.map(({ host }) => host)].map((host) => `host:${host}`);
  const all = [...troubles.map(({ code }) => `code:${code}`), ...values];
  return [...new Set(all)].slice(0, MOST_TROUBLES);
}

/** One Markdown table, for the Temporal UI. Hosts and codes are the only words in it that are not ours. */
function detailsOf(
  { page }: ImportBatchInput,
  { counts, pausedAt, recent = [], waitingFor = [], startedAt }: ImportProgress,
  troubles: readonly Trouble[],
  ended?: BatchState,
): string {
  const { total, open, success, skipped, failed } = counts;
  const state = ended ?? (pausedAt === undefined ? 'started' : `paused since ${clock(pausedAt)}`);
  const lately = recent.reduce((sum, [, items]) => sum + items, 0);
  const failures = troubles.slice(0, MOST_ROWS).map(({ code, host, count }) => `${count} × ${code} at ${cell(host)}`);
  const hosts = waitingFor
    .slice(0, MOST_ROWS)
    .map(({ host, until, items }) => `${cell(host)} until ${clock(until)} (${items} items)`);
  const rows = [
    ['State', state],
    ['Items', `${total}: ${open} open, ${success} imported, ${skipped} skipped, ${failed} failed`],
    ['Started', startedAt.slice(0, 16).replace('T', ' ')],
    ...(ended === undefined && lately > 0 ? [['Rate', `${lately} items in the last minute`]] : []),
    ...(failures.length > 0 ? [['Failures', failures.join('<br>')]] : []),
    ...(ended === undefined && hosts.length > 0 ? [['Waiting for', hosts.join('<br>')]] : []),
    ...(page === undefined ? [] : [['Page', `[items, failures, retry](${page})`]]),
  ];
  return ['| Import | |', '| --- | --- |', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');
}

/** The time of day in UTC, to the minute. */
export function clock(iso: string): string {
  return iso.slice(11, 16);
}

/** Host names come from clients: nothing in them may end a cell or begin Markdown. */
function cell(text: string): string {
  return text.replace(/[^\w.:[\]-]/g, '?').replace(/[[\]_]/g, '\\$&');
}
