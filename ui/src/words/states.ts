import type { Import, ImportState, ImportSummary, ItemState } from '../api/types.js';
import { clock, count, counted, duration, percent } from './numbers.js';

/** A state as the page names it: a word and a shape, so that nothing is told by colour alone. */
export type Tone = 'running' | 'paused' | 'troubled' | 'done' | 'failed' | 'skipped' | 'open';

export interface Mark {
  readonly tone: Tone;
  readonly word: string;
}

type Stated = Pick<ImportSummary, 'state' | 'counts' | 'waitingFor' | 'troubled'>;

/** Whether an import needs somebody: failed items, or a host that is waited for. */
function isTroubled({ counts, waitingFor, troubled }: Stated): boolean {
  return troubled === true || counts.failed > 0 || (waitingFor?.length ?? 0) > 0;
}

export function importMark(it: Stated): Mark {
  const marks: Readonly<Record<ImportState, Mark>> = {
    started: isTroubled(it) ? { tone: 'troubled', word: 'Troubled' } : { tone: 'running', word: 'Running' },
    paused: { tone: 'paused', word: 'Paused' },
    success: it.counts.failed > 0 ? { tone: 'troubled', word: 'Finished' } : { tone: 'done', word: 'Finished' },
    failed: { tone: 'failed', word: 'Stopped' },
  };
  return marks[it.state];
}

export const ITEM_MARKS: Readonly<Record<ItemState, Mark>> = {
  open: { tone: 'open', word: 'Open' },
  success: { tone: 'done', word: 'Done' },
  skipped: { tone: 'skipped', word: 'Skipped' },
  failed: { tone: 'failed', word: 'Failed' },
};

const KINDS = { video: 'video', image: 'image', file: 'file' } as const;

/** `3,000 videos`. */
export function sizeOf({ kind, counts }: Pick<ImportSummary, 'kind' | 'counts'>): string {
  return counted(counts.total, KINDS[kind]);
}

/** Items that are settled. */
export function settled({ total, open }: ImportSummary['counts']): number {
  return total - open;
}

type Told = Pick<Import, 'state' | 'counts' | 'etaSeconds' | 'waitingFor'>;

/** One import in a sentence: what it does, how far it is, and what it waits for. */
export function stateSentence(it: Told): string {
  const { counts } = it;
  const far = `${count(settled(counts))} of ${count(counts.total)}`;
  switch (it.state) {
    case 'paused':
      return `Paused: ${far}, ${count(counts.open)} still to do`;
    case 'failed':
      return counts.success + counts.skipped === 0
        ? `Stopped before anything was stored, ${counted(counts.failed, 'item')} failed`
        : `Stopped: ${outcome(counts)}`;
    case 'success':
      return `Finished: ${outcome(counts)}`;
    case 'started':
      return runningSentence(it, far);
  }
}

function runningSentence({ counts, etaSeconds, waitingFor }: Told, far: string): string {
  const waiting = waitingFor.reduce((sum, { items }) => sum + items, 0);
  const first = [...waitingFor].sort((a, b) => b.items - a.items)[0];
  // Other items may still be moving: the wait is the headline only when it holds most of what is open.
  if (first !== undefined && waiting * 2 >= counts.open) {
    const others = waitingFor.length > 1 ? ` and ${counted(waitingFor.length - 1, 'other host')}` : '';
    return `Waiting for ${first.host}${others} until ${clock(Date.parse(first.until))}, ${counted(waiting, 'item')}`;
  }
  if (settled(counts) === 0) return `Running: the first of ${counted(counts.total, 'item')} are under way`;
  const left = etaSeconds === null ? '' : `, about ${duration(etaSeconds * 1000)} left`;
  return `Running: ${far}${left}`;
}

function outcome({ success, skipped, failed }: ImportSummary['counts']): string {
  const parts = [
    success > 0 || skipped === 0 ? `${count(success)} stored` : '',
    skipped > 0 ? `${count(skipped)} skipped` : '',
    failed > 0 ? `${count(failed)} failed` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** What the title of the tab says about an import. */
export function tabTitle(it: Pick<ImportSummary, 'state' | 'counts' | 'kind' | 'waitingFor' | 'troubled'>): string {
  const what = `import of ${sizeOf(it)}`;
  if (it.state === 'success')
    return it.counts.failed > 0 ? `▲ ${count(it.counts.failed)} failed · ${what}` : `✓ ${what}`;
  if (it.state === 'failed') return `✕ stopped · ${what}`;
  const far = `${percent(settled(it.counts), it.counts.total)} %`;
  return it.state === 'paused' ? `⏸ ${far} · ${what}` : `${far} · ${what}`;
}
