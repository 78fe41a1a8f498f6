import { request, type ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { anItem } from './import-builders.js';

/** A POST whose body is still being sent. */
export interface OpenPost {
  readonly request: ClientRequest;
  /** Resolves when there is room for more. */
  send(bytes: string | Buffer): Promise<void>;
  /** Ends the body and answers what the gateway says. */
  answer(): Promise<{ status: number; body: unknown }>;
}

/** Begins a POST on a connection of its own; nothing is sent but the head until `send`. */
export function openPost(url: string, headers: Readonly<Record<string, string>>): OpenPost {
  const post = request(url, { method: 'POST', headers, agent: false });
  // A caller that aborts the request needs no report; one that waits for the answer gets the error there.
  post.on('error', () => undefined);
  post.flushHeaders();
  const answered = once(post, 'response').then(async ([response]: Parameters<typeof read>[]) => read(response));
  answered.catch(() => undefined);
  return {
    request: post,
    async send(bytes) {
      if (!post.write(bytes)) await once(post, 'drain');
    },
    answer: () => {
      post.end();
      return answered;
    },
  };
}

async function read(response: unknown): Promise<{ status: number; body: unknown }> {
  const incoming = response as Readable & { statusCode?: number };
  return { status: incoming.statusCode ?? 0, body: JSON.parse(await text(incoming)) as unknown };
}

/** NDJSON of a batch with these items. */
export function ndjson(items: readonly unknown[], batch: Record<string, unknown> = { systemName: 's' }): string {
  return [batch, ...items].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** So many lines with an item each, a few hundred at a time. */
export function* itemLines(count: number, metadata: Record<string, unknown> = {}): Generator<string> {
  const TOGETHER = 500;
  for (let from = 0; from < count; from += TOGETHER) {
    let lines = '';
    for (let at = from; at < Math.min(count, from + TOGETHER); at += 1)
      lines += `${JSON.stringify(anItem(`i${at}`, { metadata }))}\n`;
    yield lines;
  }
}
