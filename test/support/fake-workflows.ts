import type { DeliverWebhookInput, ImportBatchInput, ImportProgress } from '../../src/temporal/names.js';
import { Outage, type ImportWorkflows, type WorkflowState } from '../../src/temporal/client.js';

/** A workflow engine that only remembers; what it answers is set by the test. */
export interface FakeWorkflows extends ImportWorkflows {
  readonly started: (ImportBatchInput & { readonly priority: number })[];
  readonly delivered: (Omit<DeliverWebhookInput, 'delayMs'> & { generation: number; priority: number })[];
  readonly retried: (ImportBatchInput & { readonly priority: number })[];
  readonly cancelled: string[];
  readonly paused: { readonly batchId: string; readonly isPaused: boolean }[];
  /** What pausing, resuming and retrying come to. */
  pauseOutcome: Awaited<ReturnType<ImportWorkflows['setPaused']>>;
  retryOutcome: Awaited<ReturnType<ImportWorkflows['retry']>>;
  /** Makes every call fail as if the server were away. */
  isAway: boolean;
  /** Answers of the status query by batch id; a batch without one does not answer. */
  readonly progressOf: Map<string, ImportProgress>;
  readonly stateOf: Map<string, WorkflowState>;
  /** How often the status query was put. */
  queries: number;
}

/** A workflow that is running but has no answer is the default. */
export function createFakeWorkflows(): FakeWorkflows {
  const demandServer = () => {
    if (fake.isAway) throw new Outage('temporal');
  };
  const fake: FakeWorkflows = {
    started: [],
    delivered: [],
    retried: [],
    cancelled: [],
    paused: [],
    pauseOutcome: 'changed',
    retryOutcome: 'told',
    isAway: false,
    progressOf: new Map(),
    stateOf: new Map(),
    queries: 0,
    start: async (input, priority) => {
      await Promise.resolve();
      demandServer();
      fake.started.push({ ...input, priority });
    },
    deliver: async (message, generation, priority) => {
      await Promise.resolve();
      demandServer();
      fake.delivered.push({ ...message, generation, priority });
    },
    setPaused: async ({ batchId }, isPaused) => {
      await Promise.resolve();
      demandServer();
      fake.paused.push({ batchId, isPaused });
      return fake.pauseOutcome;
    },
    cancel: async ({ batchId }) => {
      await Promise.resolve();
      demandServer();
      fake.cancelled.push(batchId);
      return (fake.stateOf.get(batchId)?.state ?? 'running') === 'running' ? 'asked' : 'ended';
    },
    retry: async (input, priority) => {
      await Promise.resolve();
      demandServer();
      fake.retried.push({ ...input, priority });
      return fake.retryOutcome;
    },
    progress: async ({ batchId }) => {
      await Promise.resolve();
      fake.queries++;
      demandServer();
      const progress = fake.progressOf.get(batchId);
      if (progress === undefined) throw new Error('no worker answers');
      return progress;
    },
    state: async ({ batchId }) => {
      await Promise.resolve();
      demandServer();
      return fake.stateOf.get(batchId) ?? { state: 'running', runId: 'run-1' };
    },
    ping: async () => {
      await Promise.resolve();
      demandServer();
    },
  };
  return fake;
}
