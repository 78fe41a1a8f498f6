import type {
  Activities,
  FinishBatchInput,
  ImportItemInput,
  ItemResult,
  MarkPausedInput,
  PlanRoundInput,
  PlanWorkInput,
  ReopenFailedInput,
  ReopenFailedResult,
  RoundPlan,
  SweepPageInput,
  SweepResult,
  WorkPlan,
} from '../../src/temporal/activity-api.js';

type FakeState = 'open' | 'success' | 'skipped' | 'failed';
/** A state, or all that the activity answers. */
type FakeEnd = FakeState | Omit<ItemResult, 'bytes'>;

export interface FakeActivities extends Activities {
  readonly states: FakeState[];
  readonly calls: {
    rounds: PlanRoundInput[];
    plans: PlanWorkInput[];
    sweeps: SweepPageInput[];
    items: ImportItemInput[];
    finishes: FinishBatchInput[];
    pauses: MarkPausedInput[];
    reopenings: ReopenFailedInput[];
    collectedRecords: number;
    probedAfter: string[];
  };
  readonly webhookAttempts: number[];
}

export interface FakeBehaviour {
  readonly itemCount: number;
  /** With more open items than this, plans sweep pages of `page`. */
  readonly sweepAbove?: number;
  readonly page?: number;
  /** How a page ends an item, by how often it has met it; `open` leaves it for another page. */
  readonly sweep?: (seq: number, time: number) => FakeState;
  /** Hosts of the items, where a plan tells them. */
  readonly hosts?: readonly string[];
  /** How an item's own activity ends it; may throw to be retried. */
  readonly item?: (seq: number, call: number, input: ImportItemInput) => FakeEnd | Promise<FakeEnd>;
  /** What the first plans answer instead of work: to come back after so many milliseconds. */
  readonly waits?: readonly number[];
  readonly webhook?: boolean;
  /** What a retry meets; it opens all failed items unless this says otherwise. */
  readonly reopen?: (retry: number) => Promise<ReopenFailedResult['outcome'] | undefined>;
  /** States that webhook attempts lead to, in order; the last one repeats. */
  readonly deliveries?: readonly ('pending' | 'delivered' | 'disabled' | 'exhausted')[];
  /** How many calls it takes until there are no records left to collect. */
  readonly recordCalls?: number;
}

/** Activities over a batch in memory, typed like the real ones: what they are asked is what a test looks at. */
export function fakeActivities(behaviour: FakeBehaviour): FakeActivities {
  const { itemCount, sweepAbove = 200, page = 50 } = behaviour;
  const states = Array.from({ length: itemCount }, (): FakeState => 'open');
  const calls: FakeActivities['calls'] = {
    rounds: [],
    plans: [],
    sweeps: [],
    items: [],
    finishes: [],
    pauses: [],
    reopenings: [],
    collectedRecords: 0,
    probedAfter: [],
  };
  const webhookAttempts: number[] = [];
  const sweepsOf: number[] = [];
  const hostOf = (seq: number): string => behaviour.hosts?.[seq] ?? 'media.example';
  const count = (state: FakeState): number => states.filter((one) => one === state).length;
  const counts = () => ({ success: count('success'), skipped: count('skipped'), failed: count('failed') });

  return {
    states,
    calls,
    webhookAttempts,
    planRound: (input): Promise<RoundPlan> => {
      calls.rounds.push(input);
      const totals = { ...counts(), open: count('open'), bytes: 0 };
      const base = { missing: itemCount === 0, totals, pages: [], items: [], nextSeq: 0, waitMs: 0 };
      const waitMs = behaviour.waits?.[calls.rounds.length - 1];
      if (waitMs !== undefined) return Promise.resolve({ ...base, waitMs });
      const open = states.flatMap((state, seq) => (state === 'open' ? [seq] : []));
      if (open.length <= sweepAbove)
        return Promise.resolve({ ...base, items: open.map((seq) => ({ seq, host: hostOf(seq) })) });
      const pages = [...new Set(open.map((seq) => seq - (seq % page)))].map((from) => [from, from + page - 1] as const);
      return Promise.resolve({ ...base, pages });
    },
    planWork: (input): Promise<WorkPlan> => {
      calls.plans.push(input);
      const totals = input.count ? { ...counts(), open: count('open'), bytes: 0 } : null;
      const base = {
        ...{ missing: itemCount === 0, totals, pages: [], items: [], more: false },
        ...{ waitMs: null, ofHost: 16, tookMs: 0 },
      };
      const waitMs = behaviour.waits?.[calls.plans.length - 1];
      if (waitMs !== undefined) return Promise.resolve({ ...base, waitMs });
      const { seqs, pages: known } = input.known;
      const isKnown = (seq: number) => seqs.includes(seq) || known.some(([from, to]) => from <= seq && seq <= to);
      const open = states.flatMap((state, seq) =>
        state === 'open' && seq < input.beforeSeq && !isKnown(seq) ? [seq] : [],
      );
      if (open.length <= sweepAbove)
        return Promise.resolve({ ...base, items: open.map((seq) => ({ seq, host: hostOf(seq) })) });
      const pages = [...new Set(open.map((seq) => seq - (seq % page)))].map((from) => [from, from + page - 1] as const);
      return Promise.resolve({ ...base, pages });
    },
    sweepPage: (input): Promise<SweepResult> => {
      calls.sweeps.push(input);
      const swept = { success: 0, skipped: 0, failed: 0, bytes: 10 };
      let left = 0;
      for (let seq = input.fromSeq; seq <= input.toSeq && seq < itemCount; seq++) {
        if (states[seq] !== 'open') continue;
        const time = (sweepsOf[seq] ?? 0) + 1;
        sweepsOf[seq] = time;
        const state = behaviour.sweep?.(seq, time) ?? 'success';
        states[seq] = state;
        if (state === 'open') left += 1;
        else swept[state] += 1;
      }
      if (left === 0) return Promise.resolve(swept);
      return Promise.resolve({ ...swept, left: { count: left, own: 0, full: 0, dueMs: 0 } });
    },
    importItem: async (input): Promise<ItemResult> => {
      calls.items.push(input);
      const call = calls.items.filter(({ seq }) => seq === input.seq).length;
      const end = (await behaviour.item?.(input.seq, call, input)) ?? 'success';
      const result: ItemResult = { bytes: 10, ...(typeof end === 'string' ? { state: end } : end) };
      states[input.seq] = result.state;
      return result;
    },
    finishBatch: (input) => {
      calls.finishes.push(input);
      if (input.outcome === 'cancelled')
        states.forEach((state, seq) => void (states[seq] = state === 'open' ? 'failed' : state));
      const webhook = behaviour.webhook === true ? { webhookId: `msg_${input.batchId}_1`, delayMs: 0 } : null;
      return Promise.resolve({ state: input.outcome === 'success' ? 'success' : 'failed', counts: counts(), webhook });
    },
    markPaused: (input) => {
      calls.pauses.push(input);
      return Promise.resolve();
    },
    reopenFailed: async (input) => {
      calls.reopenings.push(input);
      const outcome = (await behaviour.reopen?.(input.retry)) ?? 'open';
      let reopened = 0;
      states.forEach((state, seq) => {
        if (outcome !== 'open' || state !== 'failed') return;
        states[seq] = 'open';
        reopened += 1;
      });
      return { outcome, reopened, totals: { ...counts(), open: count('open'), bytes: 0 } };
    },
    attemptWebhook: ({ attempt }) => {
      webhookAttempts.push(attempt);
      const deliveries = behaviour.deliveries ?? ['delivered'];
      return Promise.resolve({ state: deliveries[attempt - 1] ?? deliveries.at(-1) ?? 'delivered', delayMs: 5 });
    },
    collectBlobs: () => Promise.resolve({ count: 2, bytes: 20 }),
    collectParts: () => Promise.resolve({ count: 1, bytes: 5 }),
    probeMedia: ({ after }) => {
      calls.probedAfter.push(after);
      return Promise.resolve({ count: 4, next: 'media-4' });
    },
    collectRecords: () => {
      calls.collectedRecords += 1;
      const more = calls.collectedRecords < (behaviour.recordCalls ?? 1);
      return Promise.resolve({ batches: 1, items: 10, idempotencyKeys: 3, more });
    },
  };
}
