import {
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  isCancellation,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishResult, WorkPlan } from '../src/temporal/activity-api.js';
import type { ImportBatchInput, ImportProgress } from '../src/temporal/names.js';
import { importItem, on, planWork, reopenFailed, sweepPage } from './activity-options.js';
import { AGENDA_LIMITS, Agenda, type PageRange, type Start } from './agenda.js';
import { ImportControl } from './import-control.js';
import { clock, ImportReport } from './import-report.js';
import { withItem, withSweep, withTotals } from './progress.js';

/**
 * A plan costs a query over the open items, and six events of history. One a second notices soon enough what becomes due; one that
 * takes long is given five times as long in between, so that a large import does not keep the database busy with plans.
 */
const PLAN_PAUSE_MS = 1_000;
const PLAN_SHARE = 5;
/** Moments of waking are rounded up to these, so that items that are due almost together cost one timer. */
const WAKE_GRID_MS = 250;
/** A batch whose open items are all far from due is looked at again after this at the latest. */
const LONGEST_WAIT_MS = 15 * 60_000;
/**
 * A run with long downloads under way is allowed a history so many times as long as the one at which the server suggests to continue as
 * new, before it gives them over to the next run: 10,000 events by default, a fifth of what the server takes.
 */
const HAND_OVER_AT = 2.5;
/** How often a plan tells why items fail. */
const TROUBLES_AGAIN_MS = 60_000;
/** Hosts that the status names; the ones with the most items matter. */
const MAX_WAITING_FOR = 20;

/**
 * The loop of an import: start what is due while there are places, plan what is not known, and look again when a place becomes
 * free, something falls due, or the import is cancelled. Nothing in it waits for anything else.
 */
export class ImportFlow {
  /** What operators tell the import. */
  readonly control: ImportControl;
  /** What the Temporal UI shows of it. */
  readonly report: ImportReport;
  private troublesAt = 0;
  private readonly agenda: Agenda;
  /** Everything that is under way. */
  private readonly underWay = new Set<Promise<void>>();
  /** Scopes of items with an activity of their own, which can be given over to the next run. */
  private readonly handOver = new Set<CancellationScope>();
  private hasChanged = false;
  private failure: Error | undefined;
  private finished: FinishResult | undefined;
  private isMissing = false;
  private isDraining = false;
  /** When a plan would find something; Infinity while nothing says so. */
  private planAt = Infinity;
  private isPlanning = false;
  private isReopening = false;
  private mayPlanAt = 0;
  /** Whether the next plan has to count, because what is known does not explain what is open. */
  private isLost = false;
  /** Whether nothing can be said about the end before a plan was made. */
  private mustPlan = false;
  /** The length of the history when the server first suggested to continue as new. */
  private suggestedAt: number | undefined;
  /** Whether nothing may start before a plan has opened the batch again. */
  private hasEnded = false;
  /** Whether a retry has found nothing to do, and the batch stays at its end. */
  private staysEnded = false;
  private timer: { at: number; scope: CancellationScope } | undefined;
  private progress: ImportProgress;

  constructor(
    private readonly input: ImportBatchInput,
    progress: ImportProgress,
  ) {
    const { pausedAt: _, retries: __, ...rest } = progress;
    this.progress = rest;
    const { first, itemCount, resume } = input;
    this.report = new ImportReport(input, Date.now());
    this.control = new ImportControl(input, () => {
      this.hasChanged = true;
    });
    this.agenda = new Agenda({ ...AGENDA_LIMITS, ofHost: first?.ofHost ?? AGENDA_LIMITS.ofHost });
    if (first === undefined || resume !== undefined) [this.planAt, this.mustPlan] = [0, true];
    if (first?.hosts !== undefined && resume === undefined) {
      const items = first.hosts.map((host, seq) => ({ seq, host }));
      this.agenda.addItems(items, 0);
    } else if (first !== undefined) {
      this.agenda.addFresh(resume === undefined ? 0 : (resume.freshFrom ?? itemCount), itemCount, first.pageSize);
    }
  }

  /**
   * How far the import is.
   * @throws Error in a run that performs a retry first, until it has counted: the database knows better
   */
  get status(): ImportProgress {
    if (this.control.retriesFirst) throw new Error('Nothing was counted yet');
    return this.known;
  }

  /** The same, although it may not have been counted. */
  get known(): ImportProgress {
    const waitingFor = this.agenda
      .waitingFor(Date.now())
      .slice(0, MAX_WAITING_FOR)
      .map(({ host, until, items }) => ({ host, until: new Date(until).toISOString(), items }));
    return { ...this.progress, ...this.control.carried, ...(waitingFor.length > 0 && { waitingFor }) };
  }

  set status(progress: ImportProgress) {
    this.progress = progress;
  }

  /** The next run of the loop plans anew: something is open that it does not know of. */
  lookAgain(): void {
    this.planAt = 0;
    this.isLost = true;
    this.mustPlan = true;
  }

  /** Whether the import goes on after its end, because it was told to retry meanwhile. */
  continuesAfterEnd(): boolean {
    if (this.control.retries.length === 0) return false;
    this.finished = undefined;
    this.control.retriesFirst = true;
    return true;
  }

  /** An operator has reset a run that had ended: the plan opens again what that end had settled. */
  private reopen(): void {
    this.hasEnded = true;
    this.lookAgain();
  }

  /**
   * Works until nothing is open, and does not return while anything is under way. It continues as new when the history is long.
   * @returns missing: there is no such batch any more; ended: it has ended, and a retry has not opened it; done: nothing is open; how
   * the import ended, when an activity ended it
   * @throws the cancellation; whatever an activity failed with, which is a bug
   */
  async run(): Promise<'missing' | 'ended' | 'done' | FinishResult> {
    while (this.failure === undefined && !this.isMissing && !this.staysEnded && this.finished === undefined) {
      // An activity that ends before it hears of a cancellation ends as usual: the request is only seen here.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('The import was cancelled');
      this.isDraining ||= this.isHistoryLong();
      if (this.isDraining) this.giveOver();
      else if (this.isDone) break;
      else this.startAll();
      if (this.isDraining && this.underWay.size === 0) await this.continueAsNew();
      await condition(() => this.hasChanged);
      this.hasChanged = false;
    }
    await this.drained();
    if (this.failure !== undefined) throw this.failure;
    if (this.staysEnded) return 'ended';
    return this.isMissing ? 'missing' : (this.finished ?? 'done');
  }

  /** Resolves when nothing is under way any more. */
  async drained(): Promise<void> {
    this.timer?.scope.cancel();
    await condition(() => this.underWay.size === 0);
  }

  /** Items from here on were never tried, and are taken without a plan. */
  private get freshFrom(): number {
    const { first, itemCount } = this.input;
    return first === undefined || first.hosts !== undefined ? itemCount : this.agenda.freshFrom;
  }

  private get isDone(): boolean {
    const { open } = this.progress.counts;
    const isIdle = this.agenda.isEmpty && this.underWay.size === 0;
    return open === 0 && !this.mustPlan && isIdle && this.control.retries.length === 0;
  }

  private isHistoryLong(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested) return false;
    this.suggestedAt ??= historyLength;
    return this.agenda.running.own === 0 || historyLength > HAND_OVER_AT * this.suggestedAt;
  }

  /** Starts everything that may start now, a plan included, and sets the clock for the rest. */
  private startAll(): void {
    this.report.refresh(this.known, Date.now());
    const { retries, retriesFirst, pausedAt } = this.control;
    if (retries.length > 0 && !this.isReopening) this.track(this.reopenFailed());
    if (!retriesFirst && pausedAt === undefined) this.startDue(Date.now());
  }

  private startDue(now: number): void {
    for (const start of this.hasEnded ? [] : this.agenda.start(now)) {
      if (start.kind === 'page') this.track(this.runPage(start.range));
      else this.track(this.runItem(start));
    }
    const isIdle = this.underWay.size === 0 && this.agenda.isEmpty;
    // Nothing is known, yet something is open: results were lost with a worker, or a plan is due later.
    if (isIdle && this.planAt === Infinity) this.lookAgain();
    const mayPlan = !this.isPlanning && this.mayPlanAt <= now;
    if (this.planAt <= now && mayPlan && (this.isLost || this.agenda.hasRoom(now))) this.track(this.plan());
    const planAt = this.isPlanning ? Infinity : Math.max(this.planAt, this.mayPlanAt);
    const nextAt = Math.min(this.agenda.nextAt(now), planAt > now ? planAt : Infinity);
    const latestAt = this.underWay.size > 0 ? Infinity : now + LONGEST_WAIT_MS;
    if (Math.min(nextAt, latestAt) < Infinity) this.wakeAt(Math.min(nextAt, latestAt), now);
  }

  /** Runs beside the loop, which looks again afterwards. */
  private track(work: Promise<void>): void {
    const ended = work
      .catch((failure: unknown) => {
        // The loop hears of a cancellation by itself.
        if (!isCancellation(failure)) this.failure ??= failure as Error;
      })
      .finally(() => {
        this.underWay.delete(ended);
        this.hasChanged = true;
      });
    this.underWay.add(ended);
  }

  private async runPage(range: PageRange): Promise<void> {
    const { projectId, batchId } = this.input;
    const [fromSeq, toSeq] = range;
    const options = {
      activityId: `page-${fromSeq}-${toSeq}`,
      summary: `items ${fromSeq}–${toSeq}`,
      ...on('pages'),
    };
    const swept = await sweepPage.executeWithOptions(options, [{ projectId, batchId, fromSeq, toSeq }]);
    const now = Date.now();
    const leftAt = this.agenda.pageEnded(range, swept, now);
    if (swept.hasEnded === true) this.reopen();
    else if (leftAt !== null) this.planAt = Math.min(this.planAt, leftAt);
    this.progress = withSweep(this.progress, swept, now);
  }

  private async runItem({ kind, seq, host }: Extract<Start, { seq: number }>): Promise<void> {
    const { projectId, batchId, itemCount } = this.input;
    const isOwn = kind === 'own';
    const options = {
      activityId: `item-${seq}`,
      summary: `item ${seq} · ${host}`,
      ...on(isOwn ? 'downloads' : 'items'),
    };
    const finishes = itemCount === 1 ? { finishes: { startedAt: this.progress.startedAt } } : {};
    const scope = new CancellationScope();
    if (isOwn) this.handOver.add(scope);
    try {
      const result = await scope.run(() =>
        importItem.executeWithOptions(options, [{ projectId, batchId, seq, ...(isOwn && { own: true }), ...finishes }]),
      );
      const now = Date.now();
      if (result.missing === true) this.isMissing = true;
      if (result.finished !== undefined) this.finished = result.finished;
      if (!this.agenda.itemEnded(seq, result, now)) this.planAt = Math.min(this.planAt, now + (result.dueMs ?? 0));
      if (result.hasEnded === true) this.reopen();
      this.progress = withItem(this.progress, result, now);
    } finally {
      this.handOver.delete(scope);
    }
  }

  /** Performs the retries, one after the other. */
  private async reopenFailed(): Promise<void> {
    const { projectId, batchId } = this.input;
    const { control } = this;
    this.isReopening = true;
    try {
      for (let [retry] = control.retries; retry !== undefined; [retry] = control.retries) {
        const options = { activityId: `retry-${retry}`, summary: `retry ${retry}: opens failed items again` };
        const { outcome, totals } = await reopenFailed.executeWithOptions(options, [{ projectId, batchId, retry }]);
        control.retries.shift();
        if (outcome === 'missing') this.isMissing = true;
        else if (outcome === 'open') this.progress = withTotals(this.progress, totals);
        this.staysEnded = outcome === 'ended';
      }
      control.retriesFirst = false;
      this.lookAgain();
    } finally {
      this.isReopening = false;
    }
  }

  private async plan(): Promise<void> {
    const { projectId, batchId } = this.input;
    this.isPlanning = true;
    const count = this.isLost;
    [this.planAt, this.isLost, this.mustPlan] = [Infinity, false, false];
    const isReopening = this.hasEnded;
    const round = this.progress.round + 1;
    try {
      const plan = await planWork.executeWithOptions({ activityId: `plan-${round}`, summary: `plan ${round}` }, [
        { projectId, batchId, beforeSeq: this.freshFrom, known: this.agenda.known, count, ...this.asked() },
      ]);
      this.progress = { ...this.progress, round };
      if (isReopening) this.hasEnded = false;
      this.take(plan, Date.now());
      this.report.roundEnded(this.known, plan.troubles, Date.now());
    } finally {
      this.isPlanning = false;
    }
  }

  /** Grouping failures takes up to 100 ms: asked for once a minute at most, and not before items can have failed. */
  private asked(): { troubles?: true } {
    const now = Date.now();
    if (this.progress.round === 0 || now - this.troublesAt < TROUBLES_AGAIN_MS) return {};
    this.troublesAt = now;
    return { troubles: true };
  }

  private take(plan: WorkPlan, now: number): void {
    if (plan.missing) {
      this.isMissing = true;
      return;
    }
    if (plan.totals !== null) this.progress = withTotals(this.progress, plan.totals);
    this.agenda.limitHosts(plan.ofHost);
    this.agenda.addPages(plan.pages);
    this.agenda.addItems(plan.items, now);
    this.mayPlanAt = now + Math.max(PLAN_PAUSE_MS, PLAN_SHARE * plan.tookMs);
    if (plan.more) this.planAt = now;
    else if (plan.waitMs !== null) this.planAt = Math.min(this.planAt, now + plan.waitMs);
  }

  /** Wakes the loop at a moment. An earlier timer wakes it as well, which then sets another one. */
  private wakeAt(at: number, now: number): void {
    const onGrid = Math.ceil(at / WAKE_GRID_MS) * WAKE_GRID_MS;
    if (this.timer !== undefined && this.timer.at <= onGrid) return;
    this.timer?.scope.cancel();
    const scope = new CancellationScope();
    const timer = { at: onGrid, scope };
    this.timer = timer;
    const [next] = this.agenda.waitingFor(now);
    const until = new Date(next?.until ?? onGrid).toISOString();
    const summary =
      next === undefined ? `until an item is due at ${clock(until)}` : `waiting for ${next.host} until ${clock(until)}`;
    scope
      .run(() => sleep(Math.max(1, onGrid - now), { summary }))
      .catch(() => undefined)
      .finally(() => {
        if (this.timer === timer) this.timer = undefined;
        this.hasChanged = true;
      });
  }

  /** Ends long downloads for the next run, which takes them up where they are: their parts are kept. */
  private giveOver(): void {
    for (const scope of this.handOver) scope.cancel();
    this.handOver.clear();
  }

  private async continueAsNew(): Promise<void> {
    // What was asked of this run would be lost with it.
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('The import was cancelled');
    await condition(allHandlersFinished);
    const { retry: _, ...input } = this.input;
    await continueAsNew<(input: ImportBatchInput) => Promise<unknown>>({
      ...input,
      resume: { ...this.progress, ...this.control.carried, nextSeq: 0, freshFrom: this.freshFrom },
    });
  }
}
