import { NativeConnection, Runtime } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import type { Config } from './config.js';
import { configuredBlobStore, configuredProber, loadMediaTypes } from './process/configured.js';
import { createCrashHook } from './process/crash-hook.js';
import { createEgress } from './egress/create-egress.js';
import { garbageLimits } from './garbage/find.js';
import { listen } from './api/server.js';
import { createLongSlots } from './item/single.js';
import { createHostLimiter } from './host-limits/host-limiter.js';
import { retryUntilConnected, limitHeapGrowth, aborted, shutdownSignal } from './process/lifecycle.js';
import { createProbeAsset } from './probe/probe-asset.js';
import { createSource } from './download/fetch.js';
import { openStore } from './store/open-store.js';
import { createLogger, temporalLogger } from './telemetry/logger.js';
import { metricsHandler, createWorkerMetrics } from './telemetry/metrics.js';
import {
  watchSlots,
  createWorkers,
  runWorkers,
  workerIdentity,
  workerOptions,
  workflowCode,
} from './process/task-queues.js';
import { temporalConnectionOptions } from './temporal/client.js';

/**
 * The worker process: config → connections → activities → worker → drain. Resolves after a clean stop.
 * @throws Error when the configuration cannot work, the metrics port is taken, a server refuses this process, or the workflow code
 * does not build
 */
export async function runWorker(config: Config): Promise<void> {
  limitHeapGrowth();
  const logger = createLogger(config.LOG_LEVEL, 'worker');
  const signal = shutdownSignal(logger);
  // Signals are handled above, for this process as a whole.
  Runtime.install({
    shutdownSignals: [],
    logger: temporalLogger(logger),
    // Else the native part writes lines of its own, with the colours of a terminal.
    telemetryOptions: { logging: { forward: {} } },
  });
  const mediaTypes = await loadMediaTypes(config.MEDIA_TYPES_FILE);
  const openProber = await configuredProber(config);
  const metrics = createWorkerMetrics();
  const metricsServer = await listen(metricsHandler(metrics.registry), {
    host: config.METRICS_HOST,
    port: config.METRICS_PORT,
    portVariable: 'METRICS_PORT',
  });

  const store = openStore({
    url: config.MONGODB_URL,
    database: config.MONGODB_DATABASE,
    headersKey: config.ITEM_HEADERS_KEY,
    logger,
  });
  const egress = createEgress({
    allow: config.EGRESS_ALLOW,
    connectTimeoutMs: config.DOWNLOAD_CONNECT_TIMEOUT,
    hostMaxConnections: config.HOST_MAX_CONNECTIONS,
    ...(config.EGRESS_PROXY === undefined ? {} : { proxyUrl: config.EGRESS_PROXY }),
  });
  const crash = createCrashHook(config.CRASH_AT);
  const blobs = crash.blobs(configuredBlobStore(config));
  const source = createSource({ egress, blobs, limits: downloadLimits(config) });
  const retry = { attempts: config.RETRY_ATTEMPTS, initialMs: config.RETRY_INITIAL, maxMs: config.RETRY_MAX };
  const hosts = createHostLimiter({
    store: store.hosts,
    policy: retry,
    sharedMax: config.HOST_MAX_CONCURRENT,
    ownMax: config.HOST_MAX_CONNECTIONS,
    ...(config.HOST_RATE ? { rate: store.hostRate(config.HOST_RATE) } : {}),
    metrics,
  });
  metrics.watchHosts(hosts.counts);
  const prober = openProber(blobs);
  const activities = createActivities({
    store: crash.workerStore(store),
    source: crash.source(source),
    blobs,
    egress: crash.webhookEgress(egress),
    mediaTypes,
    hosts,
    longPlaces: createLongSlots(),
    prober,
    probeAsset: createProbeAsset({ prober, media: store.media }),
    retry,
    sweepAbove: config.SWEEP_ABOVE,
    sweepPage: config.SWEEP_PAGE,
    webhook: { scheduleMs: config.WEBHOOK_SCHEDULE, timeoutMs: config.WEBHOOK_TIMEOUT },
    garbage: garbageLimits(config.RETENTION_DAYS),
    metrics,
    logger,
  });

  try {
    await retryUntilConnected({ name: 'MongoDB', address: store.address, logger, signal }, async () => {
      await store.prepare();
      await hosts.join();
    });
    const temporal = { name: 'Temporal', address: config.TEMPORAL_ADDRESS, logger, signal };
    const options = workerOptions(config.TEMPORAL_TASK_QUEUE, config.WORKER_PAGES, {
      ...workflowCode(),
      identity: workerIdentity(),
    });
    // A connection keeps the place of a worker that could not be made, and refuses the next one: each try has its own.
    const create = async () => {
      const connection = await NativeConnection.connect(temporalConnectionOptions(config));
      try {
        const workers = await createWorkers(connection, config.TEMPORAL_NAMESPACE, activities, options);
        return { connection, workers };
      } catch (error) {
        await connection.close();
        throw error;
      }
    };
    const { connection, workers } = await retryUntilConnected(temporal, create);
    watchSlots(metrics, { workers, options, connection, namespace: config.TEMPORAL_NAMESPACE });
    logger.info({ taskQueue: config.TEMPORAL_TASK_QUEUE }, 'polling');
    await runWorkers(workers.values(), () => aborted(signal));
    await connection.close();
  } catch (error) {
    // Told to stop while still waiting for a server: there is nothing to drain.
    if (!signal.aborted) throw error;
  } finally {
    // Before the store: slots are given back to other workers.
    await hosts.close();
    await Promise.allSettled([metricsServer.close(0), prober.close(), egress.close(), blobs.close(), store.close()]);
  }
}

function downloadLimits(config: Config) {
  return {
    headersTimeoutMs: config.DOWNLOAD_HEADERS_TIMEOUT,
    idleTimeoutMs: config.DOWNLOAD_IDLE_TIMEOUT,
    minSpeedBytesPerSecond: config.DOWNLOAD_MIN_SPEED,
    minSpeedWindowMs: config.DOWNLOAD_MIN_SPEED_WINDOW,
    maxBytes: config.DOWNLOAD_MAX_BYTES,
    maxRedirects: config.DOWNLOAD_MAX_REDIRECTS,
  };
}
