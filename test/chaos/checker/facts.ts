import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Db } from 'mongodb';
import type { Batch } from '../../../src/domain/import.js';
import type { Item } from '../../../src/domain/item.js';
import type { Media } from '../../../src/domain/media.js';
import { eventually } from '../../support/eventually.js';
import type { SentPost } from '../harness/clients.js';
import type { SourceFile } from '../harness/source-files.js';
import type { ReceivedWebhook } from '../harness/webhook-sink.js';
import type { World } from '../harness/world.js';

interface StoredBlob {
  /** The name of its file. */
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of what is in the file. */
  readonly sha256: string;
}

/** What the published status route says of a batch. */
interface StatusAnswer {
  readonly id: string;
  readonly finished: boolean;
  readonly state: string;
  /** States of its items in their order. */
  readonly items: readonly string[];
}

/** All that is known after a run, read from the database, the blob folder, the gateways and the test's own books. */
export interface Facts {
  readonly batches: readonly Batch[];
  readonly items: readonly Item[];
  readonly media: readonly Media[];
  readonly blobs: readonly StoredBlob[];
  readonly statuses: readonly StatusAnswer[];
  readonly posts: readonly SentPost[];
  readonly webhooks: readonly ReceivedWebhook[];
  /** Attempts an item gets. */
  readonly attempts: number;
  /** SHA-256 of the versions of a file that its source has had since the given one. */
  since(file: SourceFile, version: number): ReadonlySet<string>;
}

/** Reads everything. Nothing may be under way any more. */
export async function gatherFacts(world: World, posts: readonly SentPost[], since: Facts['since']): Promise<Facts> {
  const { db, sink, attempts } = world;
  const batches = await all<Batch>(db, 'batches');
  const ended = batches.filter(({ state }) => state !== 'storing');
  return {
    batches,
    items: await all<Item>(db, 'items'),
    media: await all<Media>(db, 'media'),
    blobs: await readBlobs(world.blobs),
    statuses: await readStatuses(world, ended),
    posts,
    webhooks: [...sink.received],
    attempts,
    since,
  };
}

async function all<T>(db: Db, name: string): Promise<T[]> {
  return (await db.collection(name).find().sort({ _id: 1 }).toArray()) as T[];
}

/** Names of the files below a folder; none when there is no folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function readBlobs(root: string): Promise<StoredBlob[]> {
  const blobs: StoredBlob[] = [];
  for (const path of await filesBelow(join(root, 'sha256'))) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    blobs.push({ name: basename(path), bytes: (await stat(path)).size, sha256: hash.digest('hex') });
  }
  return blobs;
}

/** A gateway that is well answers at once. */
const PATIENT_MS = 60_000;
const IMPATIENT_MS = 1_000;

/** Asked one after the other: thousands of status answers of a few gateways at a time would be a test of their own. */
async function readStatuses({ apis, token }: World, batches: readonly Batch[]): Promise<StatusAnswer[]> {
  const answers: StatusAnswer[] = [];
  let unanswered = 0;
  for (const [index, { _id: id, kind }] of batches.entries()) {
    const url = `${apis[index % apis.length] ?? ''}/api/v1/import/${kind}s/status?id=${id}`;
    const ask = async (): Promise<Record<string, unknown> | false> => {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      return response.ok && ((await response.json()) as Record<string, unknown>);
    };
    // One that does not answer at all is not waited for a thousand times.
    const withinMs = unanswered > 0 ? IMPATIENT_MS : PATIENT_MS;
    const status = await eventually(`the status of ${id}`, ask, withinMs).catch((): Record<string, unknown> => ({}));
    if (!('finished' in status)) unanswered += 1;
    const items = (status[`${kind}s`] ?? []) as { state: string }[];
    answers.push({
      id,
      finished: status['finished'] === true,
      state: String(status['state']),
      items: items.map(({ state }) => state),
    });
  }
  return answers;
}
