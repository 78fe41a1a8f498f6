import { z } from 'zod';
import type { PartIdentity } from '../contract/blob-part.js';

/** What every note about a kept part says; each store adds where its bytes are. */
export const PartIdentityFields = {
  key: z.string(),
  etag: z.string(),
  total: z.int().positive(),
  restarts: z.int().nonnegative(),
  contentType: z.string().exactOptional(),
};

/** A note from its text; null for anything that is not a note about this key, such as what a crash left of one. */
export function parseNote<T extends PartIdentity>(schema: z.ZodType<T>, text: string, key: string): T | null {
  try {
    const note = schema.parse(JSON.parse(text));
    return note.key === key ? note : null;
  } catch {
    return null;
  }
}
