import { Client, Connection } from '@temporalio/client';
import type { Config } from './config.js';
import { builtPageFolder, configuredBlobStore, httpSettings, loadMediaTypes } from './process/configured.js';
import { assetUrl } from './api/assets.js';
import { createCrashHook } from './process/crash-hook.js';
import { checkUrl } from './egress/urls.js';
import { createApp } from './api/app.js';
import { listen } from './api/server.js';
import { loadPage } from './api/ui.js';
import { ensureGarbageSchedule } from './temporal/garbage-schedule.js';
import { createReconciler } from './intake/reconcile.js';
import { createTemporalWorkflows, temporalConnectionOptions } from './temporal/client.js';
import { retryUntilConnected, limitHeapGrowth, aborted, shutdownSignal } from './process/lifecycle.js';
import { openStore } from './store/open-store.js';
import { createGatewayMetrics, metricsHandler } from './telemetry/metrics.js';
import { createLogger } from './telemetry/logger.js';

/** Running requests get this long to end; a POST of 10,000 items takes below 3 s. */
const DRAIN_MS = 8_000;

/** A client that waits gets its 503 after this, and a short election of MongoDB goes unnoticed. */
const ANSWER_WITHIN_MS = 5_000;

/**
 * The gateway process: config → connections → app → listen → drain. It listens at once and answers 503 while MongoDB or Temporal
 * are away. Resolves after a clean stop.
 * @throws Error when the configuration cannot work, a port is taken, or a server refuses this process
 */
export async function runGateway(config: Config): Promise<void> {
  limitHeapGrowth();
  const logger = createLogger(config.LOG_LEVEL, 'gateway');
  const signal = shutdownSignal(logger);
  const settings = await httpSettings(config);
  const mediaTypes = await loadMediaTypes(config.MEDIA_TYPES_FILE);
  const page = await loadPage(builtPageFolder());
  if (page === null) logger.warn('The page at /ui is not built: run "npm run build"');
  const metrics = createGatewayMetrics();
  const store = openStore({
    url: config.MONGODB_URL,
    database: config.MONGODB_DATABASE,
    serverSelectionMs: ANSWER_WITHIN_MS,
    headersKey: config.ITEM_HEADERS_KEY,
    logger,
  });
  const blobs = configuredBlobStore(config);
  const connection = Connection.lazy(temporalConnectionOptions(config));
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const workflows = createTemporalWorkflows({
    client,
    taskQueue: config.TEMPORAL_TASK_QUEUE,
    publicUrl: settings.publicUrl,
    projectWeights: config.PROJECT_WEIGHTS,
    webhookDelayMs: config.WEBHOOK_SCHEDULE[0] ?? 0,
  });
  const reconciler = createReconciler({ store, workflows, logger });
  const crash = createCrashHook(config.CRASH_AT);
  const app = createApp({
    store: crash.gatewayStore(store),
    blobs,
    workflows: crash.workflows(workflows),
    mediaTypes,
    page,
    settings,
    stopping: signal,
    metrics,
    logger,
    checkUrl: (url) => checkUrl(url, config.EGRESS_ALLOW),
    assetUrl: (sha256, mimeType) => assetUrl(settings.publicUrl, sha256, mimeType),
  });

  const serveMetrics = metricsHandler(metrics.registry);
  const metricsServer = await listen(serveMetrics, {
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    portVariable: 'METRICS_PORT',
  });
  const handle = app.callback();
  const api = await listen((request, response) => void handle(request, response), {
    host: config.HOST,
    port: config.PORT,
    portVariable: 'PORT',
    maxConnections: config.MAX_CONNECTIONS,
  });
  logger.info({ origin: api.origin }, 'listening');

  const ending = new AbortController();
  const trying = { logger, signal: AbortSignal.any([signal, ending.signal]) };
  const mongodb = { name: 'MongoDB', address: store.address, ...trying };
  // Served meanwhile: until the indexes are there, readiness says why and every write answers 503.
  const prepared = retryUntilConnected(mongodb, () => store.prepare()).then(() => {
    reconciler.start();
  });
  const temporal = { name: 'Temporal', address: config.TEMPORAL_ADDRESS, ...trying };
  const schedule = { client, taskQueue: config.TEMPORAL_TASK_QUEUE, everyMs: config.GARBAGE_INTERVAL };
  const scheduled = retryUntilConnected(temporal, () => ensureGarbageSchedule(schedule));
  try {
    // What waiting does not help, such as a wrong password, ends the process with its message.
    await Promise.race([aborted(signal), Promise.all([prepared, scheduled]).then(() => aborted(signal))]);
  } catch (error) {
    // Told to stop while still waiting for a server.
    if (!signal.aborted) throw error;
  } finally {
    ending.abort();
    await api.close(DRAIN_MS);
    await Promise.allSettled([prepared, scheduled]);
    await reconciler.stop();
    await Promise.allSettled([metricsServer.close(0), connection.close(), blobs.close(), store.close()]);
  }
}
