import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { pathOf } from './source-files.js';
import type { Post } from './posts.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** A post and what became of it at the client. */
export interface SentPost extends Post {
  /** Every id that was answered; with a key they have to be one. */
  readonly ids: readonly string[];
  readonly tries: number;
  /** Set when the client was told something that it must not be told. */
  readonly refusal: string | null;
}

/** A gateway that answers at all does so in seconds, also with a server away. */
const ANSWER_MS = 20_000;
const BETWEEN_TRIES_MS = 400;
/** A key is held by a POST that died for 30 s; then there are killed gateways and cut links. */
const PATIENCE_MS = 180_000;

const Accepted = z.object({ id: z.string() });

function systemNameOf(kind: Post['kind']): string {
  return `chaos-${kind}s`;
}

/** Sends the post as a careful client does: with a key until it is answered, without one once. */
export async function send(world: World, post: Post, random: Random): Promise<SentPost> {
  const body = JSON.stringify(bodyOf(world, post));
  const ids: string[] = [];
  const deadline = Date.now() + PATIENCE_MS;
  // A client that lost an answer may ask again although it had one.
  const wanted = post.key !== null && random.chance(0.3) ? 2 : 1;
  for (let tries = 1; ; tries += 1) {
    const answer = await tryOnce(world, post, body, random.pick(world.apis));
    if ('id' in answer) ids.push(answer.id);
    const isOver = 'refusal' in answer || ids.length === wanted || post.key === null;
    if (isOver) return { ...post, ids, tries, refusal: 'refusal' in answer ? answer.refusal : null };
    if (Date.now() > deadline) {
      const last = 'passing' in answer ? answer.passing : 'an id';
      return { ...post, ids, tries, refusal: `no answer within ${PATIENCE_MS / 1000} s, the last one was ${last}` };
    }
    await pause(BETWEEN_TRIES_MS);
  }
}

type Answer = { readonly id: string } | { readonly passing: string } | { readonly refusal: string };

async function tryOnce({ token }: World, { kind, key }: Post, body: string, api: string): Promise<Answer> {
  try {
    const response = await fetch(`${api}/api/v1/import/${kind}s`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
      body,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await response.text();
    if (response.status === 200) return { id: Accepted.parse(JSON.parse(text)).id };
    // 409: the first POST with the key is still being handled.
    if (response.status >= 501 || response.status === 409) return { passing: `status ${response.status}` };
    return { refusal: `status ${response.status}: ${text.slice(0, 300)}` };
  } catch (error) {
    return { passing: error instanceof Error ? error.message : String(error) };
  }
}

function bodyOf({ links, sink }: World, { kind, number, items }: Post): object {
  return {
    systemName: systemNameOf(kind),
    webhook: `http://127.0.0.1:${sink.port}/webhook`,
    context: { post: number },
    [`${kind}s`]: items.map(({ file, revision }) => ({
      url: `http://127.0.0.1:${links['worker-origin'].port}${pathOf(file)}?revision=${revision}`,
      id: file.name,
      fileName: `${file.name}.${kind === 'video' ? 'mp4' : 'bin'}`,
      metadata: {},
    })),
  };
}
