import type { Kind } from './kinds.js';
import type { MediaTypes } from './media-type.js';
import type { Problems } from './problems.js';
import { isUrlForm } from './request-schema.js';

/** Tells, without asking the network, whether a URL may be fetched, or the sentence that says why not. */
export type UrlCheck = (
  url: string,
) => { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly why: string };

/** What a POST is checked against. */
export interface RequestRules {
  readonly kind: Kind;
  readonly mediaTypes: MediaTypes;
  readonly checkUrl: UrlCheck;
}

/** The host of a URL that may be asked for, else null; what the schema refuses has its sentence already. */
export function checkUrlAt(
  url: unknown,
  path: readonly PropertyKey[],
  rules: RequestRules,
  problems: Problems,
): string | null {
  if (!isUrlForm(url)) return null;
  const verdict = rules.checkUrl(url);
  if (verdict.ok) return verdict.url.hostname;
  problems.add(path, verdict.why);
  return null;
}
