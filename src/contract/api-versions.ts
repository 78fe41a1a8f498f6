/** Which `:v` of `/api/:v` are served. */
export interface ApiVersionRules {
  /** The newest version, `YYYY-MM` of an odd month. */
  readonly latest: string;
  /** Versions that were served once and are not any more, whichever they are. */
  readonly withdrawn: readonly string[];
}

export type ApiVersionState = 'served' | 'withdrawn' | 'unknown';

/** The first dated version; everything odd from here to the newest exists. */
const FIRST_DATED = '2025-03';
const UNDATED = ['v1', 'beta'];
const DATED = /^\d{4}-(?:01|03|05|07|09|11)$/;

/** Tells a served version from a withdrawn one and from one that never was. Dated names compare as text, being zero-padded. */
export function apiVersionState(version: string, rules: ApiVersionRules): ApiVersionState {
  if (rules.withdrawn.includes(version)) return 'withdrawn';
  const exists =
    UNDATED.includes(version) || (DATED.test(version) && version >= FIRST_DATED && version <= rules.latest);
  return exists ? 'served' : 'unknown';
}
