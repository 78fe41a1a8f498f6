import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Problems } from '../../domain/api-error.js';
import { KINDS, type Kind, type ShownState } from '../../domain/import.js';
import type { AskProgress } from '../../intake/read-status.js';
import type { BatchFilter, BatchStore, ItemStore, ListedBatch } from '../../store/store.js';
import type { ImportProgress } from '../../temporal/names.js';
import { tokenOf, type RequestHandler } from '../context.js';
import { filteredListQuery, readFlag, sendList, type ListFilters } from '../query.js';
import type { HttpSettings } from '../settings.js';
import { importRow } from './body.js';
import { createKnownCounts, type Told } from './known-counts.js';

const STATES: readonly string[] = ['started', 'paused', 'success', 'failed'] satisfies ShownState[];
const MAX_SYSTEM_NAME = 200;
const FILTERS: ListFilters<'state' | 'kind' | 'systemName' | 'troubled', BatchFilter> = {
  // The place in the project's order of acceptance.
  cursor: /^[1-9]\d{0,15}$/,
  parameters: ['state', 'kind', 'systemName', 'troubled'],
  read: filterOf,
};

/** Runs that are asked at a time by one gateway: each question is a workflow task. */
const ASKED_AT_A_TIME = 16;
/** What an asker waits for runs that nothing is known of. A hundred of them answer within a second. */
const WAIT_MS = 1_000;
/** A page that is polled at all is not kept waiting by what it knows already. */
const KNOWN_MS = 10_000;
/** Imports whose progress is remembered, about 2 KiB each. */
const MOST_KNOWN = 5_000;

interface Progress extends Told {
  readonly progress: ImportProgress | null;
}

export interface ImportsDeps {
  readonly batches: Pick<BatchStore, 'list'>;
  readonly items: Pick<ItemStore, 'totals'>;
  readonly askProgress: AskProgress;
  readonly settings: Pick<HttpSettings, 'publicUrl'>;
}

/**
 * `GET /api/:v/imports?state=&kind=&systemName=&troubled=&after=&limit=`: the imports of the project, the one that was accepted last
 * first. Runs are asked behind the answer: only what nothing is known of is waited for, and not for long.
 */
export function getImports({ batches, items, askProgress, settings }: ImportsDeps): RequestHandler {
  const known = new LRUCache<string, Progress>({ max: MOST_KNOWN, ttl: KNOWN_MS });
  const countsOf = createKnownCounts(items);
  const asking = pLimit(ASKED_AT_A_TIME);

  const learn = async (batch: ListedBatch): Promise<void> => {
    const { projectId, _id: batchId, state } = batch;
    // The run of a batch that was only accepted need not exist yet.
    const answer = state === 'started' ? await askProgress({ projectId, batchId }) : null;
    const progress = answer === 'ended' ? null : answer;
    known.set(batchId, { ...(await countsOf(batch, progress)), progress });
  };

  return async (ctx) => {
    const { after, limit, filter } = filteredListQuery(ctx.query, FILTERS);
    const [, , version = ''] = ctx.path.split('/');
    // One more tells whether there is another page.
    const page = { beforeSeq: Number(after ?? Number.MAX_SAFE_INTEGER), limit: limit + 1 };
    const found = await batches.list(tokenOf(ctx.state).projectId, page, filter);
    const shown = found.slice(0, limit);

    const running = shown.filter(({ counts }) => counts === undefined);
    const isUnknown = running.some(({ _id }) => !known.has(_id));
    // An asker that does not wait for a run does not hear that it could not be asked.
    const learnt = Promise.allSettled(running.map((batch) => asking(() => learn(batch))));
    if (isUnknown) await Promise.race([learnt, timeOut()]);

    const now = new Date();
    const base = `${settings.publicUrl}/api/${version}`;
    const rows = shown.map((batch) => {
      const { itemCount: total, counts, bytes = 0 } = batch;
      const ended = counts && { counts: { total, open: 0, ...counts }, bytes, progress: null };
      const facts = ended ?? known.get(batch._id) ?? { counts: null, bytes: null, progress: null };
      return importRow({ batch, ...facts, base, now });
    });
    const last = shown.at(-1);
    sendList(ctx, settings.publicUrl, rows, found.length > limit && last ? String(last.importSeq) : null);
  };
}

async function timeOut(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS).unref());
}

function filterOf(query: Partial<Record<string, string>>, problems: Problems): BatchFilter {
  const { state, kind, systemName, troubled } = query;
  if (state !== undefined && !STATES.includes(state)) problems.add(['state'], `Must be one of ${STATES.join(', ')}`);
  const kinds = Object.keys(KINDS);
  if (kind !== undefined && !kinds.includes(kind)) problems.add(['kind'], `Must be one of ${kinds.join(', ')}`);
  if (systemName === '' || (systemName !== undefined && systemName.length > MAX_SYSTEM_NAME))
    problems.add(['systemName'], `Must have 1 to ${MAX_SYSTEM_NAME} characters`);
  const isTroubled = readFlag(troubled, 'troubled', problems);
  return {
    ...(state !== undefined && { state: state as ShownState }),
    ...(kind !== undefined && { kind: kind as Kind }),
    ...(systemName !== undefined && { systemName }),
    ...(isTroubled && { troubled: true }),
  };
}
