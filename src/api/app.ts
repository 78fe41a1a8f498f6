import Router from '@koa/router';
import Koa from 'koa';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/blob-store.js';
import type { UrlCheck } from '../intake/request/rules.js';
import { KINDS, type Kind } from '../domain/import.js';
import type { MediaTypes } from '../domain/media.js';
import type { Store } from '../store/store.js';
import { createAcceptBatch, createAcceptLines } from '../intake/accept.js';
import type { GatewayMetrics } from '../telemetry/metrics.js';
import { createBodyMemory } from '../intake/body-memory.js';
import type { ImportWorkflows } from '../temporal/client.js';
import { createImportControls } from '../intake/control.js';
import { createAskProgress, createReadStatus } from '../intake/read-status.js';
import { createResponseMemory, createSharedBodies } from './shared-answers.js';
import { admit } from './places.js';
import { apiVersion, measure, notFound, requestId, securityHeaders } from './middleware.js';
import { SCOPES, authenticate, requireScope, createTokenVerifier } from './auth.js';
import { errors } from './errors.js';
import { rateLimit } from './rate-limit.js';
import type { RequestState } from './context.js';
import { getAsset } from './assets.js';
import { getHosts } from './hosts.js';
import { postControl, postRetry } from './imports/control.js';
import { getImports } from './imports/list.js';
import { getDeliveries, postRedeliver } from './imports/deliveries.js';
import { createWaitForChange } from './imports/poll.js';
import { deleteMedia, getMedia, listMediaLibrary } from './media/library.js';
import { getImport } from './imports/show.js';
import { getItems } from './imports/items.js';
import { getStatus } from './imports/status.js';
import { getHealth, getReadiness } from './health.js';
import { postImport } from './imports/post.js';
import type { HttpSettings } from './settings.js';
import { getPage, type Page } from './ui.js';

/** All that the API needs. */
export interface HttpDeps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stat' | 'read' | 'ping'>;
  readonly workflows: ImportWorkflows;
  readonly mediaTypes: MediaTypes;
  /** The egress rules that need no network, for item URLs and webhooks. */
  readonly checkUrl: UrlCheck;
  /** Where the bytes of a blob can be fetched by clients. */
  readonly assetUrl: (sha256: string, mimeType: string) => string;
  /** The page for people; null when it was not built. */
  readonly page: Page | null;
  readonly settings: HttpSettings;
  /** Aborted when the gateway drains: nobody waits for a change any more. */
  readonly stopping: AbortSignal;
  readonly metrics: Pick<GatewayMetrics, 'requestAnswered' | 'batchAccepted'>;
  readonly logger: Logger;
}

/** Creates the gateway's web application; `listen` serves it. */
export function createApp(deps: HttpDeps): Koa<RequestState> {
  const router = createRouter(deps);
  const app = new Koa<RequestState>();
  // A broken connection during a streamed answer ends up here; the client is gone, so there is no one to answer.
  app.on('error', (error: unknown) => {
    deps.logger.debug({ err: error }, 'an answer was cut off');
  });
  app.use(measure(deps.metrics, deps.logger));
  app.use(requestId());
  app.use(securityHeaders());
  app.use(errors(deps.logger));
  app.use(router.routes());
  app.use(notFound(router, deps.settings.versions));
  return app;
}

function createRouter(deps: HttpDeps): Router<RequestState> {
  const { store, blobs, workflows, settings, logger } = deps;
  const router = new Router<RequestState>();

  const version = apiVersion(settings.versions);
  const token = authenticate({ verify: createTokenVerifier(settings.tokens), tokens: store.tokens });
  const limit = rateLimit(settings.rateLimit, settings.projectRateLimit);
  const place = admit(settings.maxProjectRequests);
  // The order matters: nothing costs much before the token is known, and nothing of a body is read before all of it.
  const access = (needed: keyof typeof SCOPES) => [version, token, limit, requireScope(...SCOPES[needed]), place];
  const publishedAccess = access('write');
  const readAccess = access('read');
  const holdAnswer = createResponseMemory(settings.memoryForAnswers);

  const acceptDeps = { store, workflows, plan: settings.plan, metrics: deps.metrics, logger };
  const askProgress = createAskProgress({ workflows, logger });
  const readStatus = createReadStatus({ store, workflows, logger }, askProgress);
  const waitForChange = createWaitForChange(Math.ceil(settings.maxProjectRequests / 2), deps.stopping);
  const style = { itemSuccessState: settings.itemSuccessState, assetUrl: deps.assetUrl };
  const statusDeps = {
    readStatus,
    waitForChange,
    items: store.items,
    sharedBodies: createSharedBodies(),
    holdAnswer,
    style,
    unknownId: settings.unknownId,
  };
  const memory = createBodyMemory(settings.memoryForBodies);
  const actionDeps = { ...store, memory, workflows, settings, logger };
  const postDeps = {
    accept: createAcceptBatch(acceptDeps),
    acceptLines: createAcceptLines(acceptDeps),
    mediaTypes: deps.mediaTypes,
    checkUrl: deps.checkUrl,
    memory,
  };

  for (const kind of Object.keys(KINDS) as Kind[]) {
    const path = `/api/:v/import/${KINDS[kind].plural}`;
    router.post(path, ...publishedAccess, postImport(postDeps, kind));
    router.get(`${path}/status`, ...publishedAccess, getStatus(statusDeps, kind));
  }
  router.get('/api/:v/imports', ...readAccess, getImports({ ...store, askProgress, settings }));
  const importDeps = { ...store, readStatus, waitForChange, workflows, settings, logger };
  const show = getImport(importDeps);
  router.get('/api/:v/imports/:id', ...readAccess, show);
  const controlDeps = {
    ...{ actions: store.actions, batches: store.batches, memory, show, checkUrl: deps.checkUrl },
    controls: createImportControls({ store, workflows, logger }),
  };
  for (const action of ['pause', 'resume', 'cancel'] as const)
    router.post(`/api/:v/imports/:id/${action}`, ...access('write'), postControl(controlDeps, action));
  router.post('/api/:v/imports/:id/retry', ...access('write'), postRetry(controlDeps));
  router.get(
    '/api/:v/imports/:id/items',
    ...readAccess,
    getItems({ ...store, holdAnswer, assetUrl: deps.assetUrl, publicUrl: settings.publicUrl }),
  );
  router.get('/api/:v/imports/:id/deliveries', ...readAccess, getDeliveries(actionDeps));
  router.post('/api/:v/imports/:id/deliveries/redeliver', ...publishedAccess, postRedeliver(actionDeps));

  const mediaDeps = { media: store.media, assetUrl: deps.assetUrl, publicUrl: settings.publicUrl, holdAnswer };
  router.get('/api/:v/mediaLibrary', ...readAccess, listMediaLibrary(mediaDeps));
  router.get('/api/:v/mediaLibrary/:id', ...readAccess, getMedia(mediaDeps));
  router.delete('/api/:v/mediaLibrary/:id', ...publishedAccess, deleteMedia({ ...store, memory: postDeps.memory }));

  router.get('/api/:v/hosts', ...readAccess, getHosts({ store, settings }));

  router.get('/assets/:file', getAsset({ blobs, media: store.media, maxOpen: settings.maxOpenAssets }));
  router.get('/ui{/*place}', getPage(deps.page));
  router.get('/healthz', getHealth());
  const checks = {
    mongodb: { ping: () => store.ping(), sentence: 'MongoDB does not answer' },
    temporal: { ping: () => workflows.ping(), sentence: 'Temporal does not answer' },
    blobs: { ping: () => blobs.ping(), sentence: 'The blob store cannot be written to' },
  };
  router.get('/readyz', getReadiness(checks, logger));
  return router;
}
