import { Client, Connection } from '@temporalio/client';

/** Payloads are base64 in the JSON of Temporal's messages; a secret inside one has to be seen. */
function decoded(record: unknown): string {
  return JSON.stringify(record).replaceAll(
    /"data":"([A-Za-z0-9+/=]+)"/g,
    (_all, data: string) => `"data":${JSON.stringify(Buffer.from(data, 'base64').toString())}`,
  );
}

export interface TemporalRecords {
  /** Looks at what only a running workflow shows: heartbeats, last failures and summaries of pending activities. */
  lookAtPending(): Promise<void>;
  /** All that was seen, and all that is kept of every workflow and schedule of the namespace. */
  everything(): Promise<string>;
  close(): Promise<void>;
}

/** Reads everything that a Temporal server can tell about the namespace `default`. */
export async function temporalRecords(address: string): Promise<TemporalRecords> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const seen: string[] = [];
  return {
    async lookAtPending() {
      for await (const { workflowId, runId } of client.workflow.list({ query: 'ExecutionStatus="Running"' })) {
        const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
        seen.push(decoded(raw));
      }
    },
    async everything() {
      for await (const { workflowId, runId, ...rest } of client.workflow.list()) {
        const handle = client.workflow.getHandle(workflowId, runId);
        const history = await handle.fetchHistory();
        const { raw } = await handle.describe();
        seen.push(decoded([workflowId, rest.memo, rest.typedSearchAttributes, raw, history]));
      }
      for await (const { scheduleId } of client.schedule.list()) {
        const { raw } = await client.schedule.getHandle(scheduleId).describe();
        seen.push(decoded([scheduleId, raw]));
      }
      return seen.join('\n');
    },
    close: () => connection.close(),
  };
}
