import pTimeout from 'p-timeout';
import type { Logger } from 'pino';
import { coalesce } from '../intake/coalesce.js';
import { errorBody } from './errors.js';
import type { RequestHandler } from './context.js';

/** A probe of Kubernetes waits a second or more by default settings of operators; a healthy server answers in milliseconds. */
const DEADLINE_MS = 2_500;
/** Probes come every few seconds; more frequent requests, which need no token, cost nothing extra. */
const KEPT_MS = 1_000;

/** What must answer for the gateway to be of use, each with the sentence for when it does not. */
export interface ReadinessCheck {
  readonly ping: () => Promise<void>;
  readonly sentence: string;
}

/** `GET /healthz`: the process runs and its event loop turns; restarting it would fix nothing else. */
export function getHealth(): RequestHandler {
  return (ctx) => {
    ctx.body = { status: 'ok' };
  };
}

/**
 * `GET /readyz`: 200 when every dependency answers in time, else 503 with a sentence for each that does not. The dependencies are
 * asked once a second at most, however many ask here.
 */
export function getReadiness(checks: Readonly<Record<string, ReadinessCheck>>, logger: Logger): RequestHandler {
  const look = async (): Promise<Readonly<Record<string, string>>> => {
    const failures = await Promise.all(
      Object.entries(checks).map(async ([name, { ping, sentence }]) => {
        try {
          await pTimeout(ping(), { milliseconds: DEADLINE_MS });
          return [];
        } catch (error) {
          logger.warn({ dependency: name, err: error }, 'a dependency is not ready');
          return [[name, sentence] as const];
        }
      }),
    );
    return Object.fromEntries(failures.flat());
  };
  const lookOnce = coalesce(look, { ttlMs: KEPT_MS });
  return async (ctx) => {
    const details = await lookOnce('');
    const isReady = Object.keys(details).length === 0;
    ctx.status = isReady ? 200 : 503;
    ctx.body = isReady ? { status: 'ready' } : errorBody(503, details);
  };
}
