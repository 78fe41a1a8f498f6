import { z } from 'zod';
import { checkObject } from './json-shape.js';
import type { Problems } from './problems.js';
import { HttpUrl, JsonObject, PriorityKey, addIssues, addUnknownKeys, text } from './request-schema.js';
import { checkUrlAt, type RequestRules } from './request-rules.js';

/** 8 KiB of JSON cannot hold more values than half of that. */
const CONTEXT_LIMITS = { bytes: 8192, values: 4096 };

const Envelope = z.object({
  systemName: text(200),
  webhook: HttpUrl.optional(),
  context: JsonObject.optional(),
  priority: PriorityKey.optional(),
});

/** What a batch says beside its items. */
export interface ImportEnvelope {
  readonly systemName: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  /** 1 (most urgent) to 5. */
  readonly priority?: number;
}

/** Checks a batch without its items. Answers null, with the problems added below `path`, when it cannot be taken. */
export function checkEnvelope(
  raw: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  rules: RequestRules,
  problems: Problems,
): ImportEnvelope | null {
  const result = Envelope.safeParse(raw);
  if (!result.success) addIssues(result.error.issues, path, problems);
  addUnknownKeys(raw, Envelope.shape, path, problems);
  checkUrlAt(raw['webhook'], [...path, 'webhook'], rules, problems);
  checkObject(raw['context'], [...path, 'context'], CONTEXT_LIMITS, problems);
  if (!result.success) return null;
  const { systemName, webhook, context, priority } = result.data;
  return {
    systemName,
    ...(webhook === undefined ? {} : { webhook }),
    ...(context === undefined ? {} : { context }),
    ...(priority === undefined ? {} : { priority }),
  };
}
