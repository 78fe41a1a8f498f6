import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ActionName, ActionStore, ActionTarget, Actor } from '../domain/action.js';
import { ApiError, createProblems } from '../domain/api-error.js';
import { giveWay, type BodyMemory } from '../intake/body-memory.js';
import { addIssues, addUnknownKeys, text } from '../intake/request/rules.js';
import { MAX_ITEMS } from '../intake/request/envelope.js';
import { isObject } from '../intake/request/item.js';
import { readJson } from './bodies/json.js';
import { tokenOf, type RequestContext, type RequestHandler } from './context.js';

/** Room for a retry that names 5,000 new URLs. */
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_KEY_LENGTH = 255;
const MAX_REASON_LENGTH = 500;

/** What every action takes in its body: why it is done, for the log. */
export const Reason = { reason: text(MAX_REASON_LENGTH).optional() };

/** What an action did. */
interface Performed<R> {
  /** Small, and JSON: it is stored for repetitions of the request. */
  readonly result: R;
  /** False when nothing changed: a dry run, or a repetition. Such an action is not in the log. */
  readonly hasEffect: boolean;
}

/** A route that changes something and is recorded. */
export interface ActionRoute<T, S extends z.ZodRawShape, R> {
  readonly action: ActionName;
  /** What the action is about. It is found before the body is looked at. @throws ApiError 404 */
  readonly find: (ctx: RequestContext) => Promise<T>;
  readonly targetOf: (found: T) => ActionTarget;
  /** The keys of the body; spread `Reason` into it. */
  readonly shape: S;
  /** @throws ApiError when the action is not possible; it must have had no effect then */
  readonly perform: (found: T, request: ActionRequest<z.infer<z.ZodObject<S>>>) => Promise<Performed<R>>;
  /** The answer, also to a repetition. */
  readonly answer: (ctx: RequestContext, found: T, result: R) => Promise<unknown>;
}

/** An action as its client asks for it. */
interface ActionRequest<B> {
  /** Of the action: the same for a repetition of the request with its Idempotency-Key. */
  readonly id: string;
  readonly projectId: string;
  readonly by: Actor;
  readonly body: B;
}

export interface ActionDeps {
  readonly actions: ActionStore;
  readonly memory: BodyMemory;
}

/**
 * Performs an action once for each Idempotency-Key, and records who asked for it, when and why.
 * The order of checks: does it exist (404), is the body right (400), is the key free (409, 422), is it possible (the route's own 409).
 */
export function performAction<T, S extends z.ZodRawShape, R>(
  { actions, memory }: ActionDeps,
  route: ActionRoute<T, S, R>,
): RequestHandler {
  return async (ctx) => {
    const { projectId, jti, name } = tokenOf(ctx.state);
    const by: Actor = { jti, ...(name !== undefined && { name }) };
    const found = await route.find(ctx);
    const target = route.targetOf(found);
    const key = idempotencyKey(ctx);
    const hash = createHash('sha256').update(`${ctx.method} ${target} ${route.action}\n`);
    const body = await readBody(ctx, route.shape, hash, memory);
    const { reason } = body as { reason?: string };
    const claim = await actions.begin({
      projectId,
      target,
      action: route.action,
      by,
      at: new Date(),
      ...(reason !== undefined && { reason }),
      ...(key !== null && { idempotency: { key, requestHash: hash.digest('hex') } }),
    });
    if (claim.outcome === 'busy') throw keyProblem(409, 'The first request with this key is still being handled');
    if (claim.outcome === 'other_request') throw keyProblem(422, 'The key was used with another request');
    if (claim.outcome === 'done') {
      ctx.body = await route.answer(ctx, found, claim.result as R);
      return;
    }
    const { result, hasEffect } = await withdrawnWhenRefused(actions, claim.id, () =>
      route.perform(found, { id: claim.id, projectId, by, body }),
    );
    if (hasEffect || key !== null) await actions.complete(claim.id, result, hasEffect);
    else await actions.withdraw(claim.id);
    ctx.body = await route.answer(ctx, found, result);
  };
}

/** A refusal has no effect. After any other error the record stays: the action may have been performed. */
async function withdrawnWhenRefused<R>(
  actions: ActionStore,
  id: string,
  perform: () => Promise<Performed<R>>,
): Promise<Performed<R>> {
  try {
    return await perform();
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) await actions.withdraw(id);
    throw error;
  }
}

/** No body at all is an empty object: most actions need nothing said. */
async function readBody<S extends z.ZodRawShape>(
  ctx: RequestContext,
  shape: S,
  hash: ReturnType<typeof createHash>,
  memory: BodyMemory,
): Promise<z.infer<z.ZodObject<S>>> {
  const isEmpty = ctx.get('transfer-encoding') === '' && ['', '0'].includes(ctx.get('content-length'));
  const raw = isEmpty ? {} : await readWhole(ctx, hash, memory);
  const problems = createProblems();
  if (!isObject(raw)) throw new ApiError(400, { body: 'Invalid type: expected object' });
  const parsed = z.object(shape).safeParse(raw);
  if (!parsed.success) addIssues(parsed.error.issues, [], problems);
  addUnknownKeys(raw, shape, [], problems);
  problems.throwIfAny();
  return parsed.data as z.infer<z.ZodObject<S>>;
}

async function readWhole(
  ctx: RequestContext,
  hash: ReturnType<typeof createHash>,
  memory: BodyMemory,
): Promise<unknown> {
  const room = memory.open(tokenOf(ctx.state).projectId);
  try {
    const posted = await readJson(ctx, MAX_BODY_BYTES, room, hash);
    if (posted.hasLostList) throw new ApiError(400, { body: 'A list must not be given twice' });
    if (!isObject(posted.value)) return posted.value;
    for (const [name, member] of Object.entries(posted.value)) {
      const list = Array.isArray(member) ? posted.list(name) : null;
      if (list === null) continue;
      if (list.length > MAX_ITEMS) throw new ApiError(400, { [name]: `Must have at most ${MAX_ITEMS} entries` });
      const parsed: unknown[] = [];
      for (let index = 0; index < list.length; index += 1) {
        const element = list.parse(index);
        if ('problem' in element) throw new ApiError(400, { [`${name}.${index}`]: element.problem });
        parsed.push(element.item);
        await giveWay();
      }
      posted.value[name] = parsed;
    }
    return posted.value;
  } finally {
    room.close();
  }
}

/**
 * The Idempotency-Key of a request; null when it has none. A quoted key equals the bare one: the header is a structured string in
 * draft-ietf-httpapi-idempotency-key-header, and bare in most APIs.
 * @throws ApiError 400
 */
export function idempotencyKey(ctx: RequestContext): string | null {
  if (!('idempotency-key' in ctx.headers)) return null;
  const value = ctx.get('idempotency-key');
  const key = /^"(.*)"$/s.exec(value)?.[1] ?? value;
  if (key.length < 1 || key.length > MAX_KEY_LENGTH)
    throw new ApiError(400, { 'Idempotency-Key': `Must have 1 to ${MAX_KEY_LENGTH} characters` });
  return key;
}

function keyProblem(status: 409 | 422, sentence: string): ApiError {
  return new ApiError(status, { 'Idempotency-Key': sentence }, status === 409 ? { 'Retry-After': '1' } : {});
}
