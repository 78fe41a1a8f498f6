import { basename, join } from 'node:path';
import { collectNow } from '../harness/collector.js';
import type { World } from '../harness/world.js';
import { filesBelow } from './facts.js';

/** Collects garbage of any age and tells what is left that should not be, or gone that should not be. */
export async function checkGarbage({ db, blobs, collector }: World): Promise<string[]> {
  await collectNow(collector, 0);
  const referenced = new Set<string>(await db.collection('media').distinct('asset.sha256'));
  const stored = new Set((await filesBelow(join(blobs, 'sha256'))).map((path) => basename(path)));
  const names = new Set([...referenced, ...stored]);
  const wrong = [...names].filter((name) => referenced.has(name) !== stored.has(name));
  const elsewhere = (await filesBelow(blobs)).filter((path) => !path.startsWith(join(blobs, 'sha256')));
  return [
    ...wrong.map((name) =>
      stored.has(name) ? `The unreferenced blob ${name} is left` : `The referenced blob ${name} is gone`,
    ),
    ...elsewhere.map((path) => `${path.slice(blobs.length + 1)} is left of bodies that were arriving`),
  ];
}
