import { z } from 'zod';
import type { Batch } from '../../domain/import.js';
import type { RetryPreview, ImportControls } from '../../intake/control.js';
import type { UrlCheck } from '../../intake/request/rules.js';
import { retrySelection, RETRY_SHAPE } from '../../intake/request/retry.js';
import type { Store } from '../../store/store.js';
import { performAction, Reason, type ActionDeps, type ActionRoute } from '../action.js';
import { tokenOf, type RequestContext, type RequestHandler } from '../context.js';
import { importNotFound } from '../errors.js';

export interface ControlRouteDeps extends ActionDeps {
  readonly batches: Pick<Store['batches'], 'find'>;
  readonly controls: ImportControls;
  readonly checkUrl: UrlCheck;
  /** Answers `GET /imports/:id`. */
  readonly show: RequestHandler;
}

type ControlAction = 'pause' | 'resume' | 'cancel';

/** `POST /imports/:id/{pause,resume,cancel}`: answers the import as `GET /imports/:id` shows it then. */
export function postControl(deps: ControlRouteDeps, action: ControlAction): RequestHandler {
  const { controls } = deps;
  const perform: Readonly<Record<ControlAction, (batch: Batch) => Promise<boolean>>> = {
    pause: (batch) => controls.setPaused(batch, true),
    resume: (batch) => controls.setPaused(batch, false),
    cancel: (batch) => controls.cancel(batch),
  };
  return performAction(deps, {
    ...aboutImport(deps),
    action,
    shape: Reason,
    perform: async (batch) => ({ result: null, hasEffect: await perform[action](batch) }),
    answer: async (ctx) => {
      await deps.show(ctx, () => Promise.resolve());
      return ctx.body;
    },
  });
}

/** What `POST /imports/:id/retry` answers. */
type RetryAnswer = RetryPreview | { readonly id: string; readonly matched: number; readonly retry: number };

/** `POST /imports/:id/retry`: opens the failed items again that match, or tells which ones would be. */
export function postRetry(deps: ControlRouteDeps): RequestHandler {
  const { controls } = deps;
  const route: ActionRoute<Batch, typeof RetryShape, RetryAnswer> = {
    ...aboutImport(deps),
    action: 'retry',
    shape: RetryShape,
    perform: async (batch, { id: actionId, body }) => {
      const wanted = retrySelection(body, batch.itemCount, deps.checkUrl);
      if (body.dryRun === true) return { result: await controls.preview(batch, wanted), hasEffect: false };
      const { number, matched } = await controls.retry(batch, { ...wanted, actionId });
      return { result: { id: batch._id, matched, retry: number }, hasEffect: true };
    },
    answer: (_ctx, _batch, result) => Promise.resolve(result),
  };
  return performAction(deps, route);
}

const RetryShape = { ...RETRY_SHAPE, dryRun: z.boolean().optional(), ...Reason };

/** The import of the path, if the project of the token has one of this id that its clients know. */
function aboutImport({ batches }: ControlRouteDeps) {
  return {
    find: async (ctx: RequestContext): Promise<Batch> => {
      const [, , , , id = ''] = ctx.path.split('/');
      const batch = await batches.find(tokenOf(ctx.state).projectId, id);
      if (batch === null || batch.state === 'storing' || batch.removingSince !== undefined) throw importNotFound(id);
      return batch;
    },
    targetOf: ({ _id }: Batch) => `import:${_id}` as const,
  };
}
