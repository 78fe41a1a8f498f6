import type { PartIdentity } from '../contract/blob-part.js';
import type { EgressResponse } from '../contract/egress.js';
import { bodyFraming } from './body-framing.js';
import { parseContentType } from './content-type.js';
import { headerText } from './header-text.js';
import { strongEtag, validatorsOf } from './validators.js';

/** The size from which a body gets an activity of its own: a smaller one is fetched again sooner than its part is read back. */
const MIN_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * What a whole body is to be kept as while it arrives; undefined when its bytes could not be joined with those of a later answer,
 * or when that is not worth it.
 * @param key names the part; without one nothing is kept
 * @param earlier the part of the attempt before this one
 */
export function partIdentityOf(
  { status, headers }: Pick<EgressResponse, 'status' | 'headers'>,
  key: string | undefined,
  earlier: PartIdentity | null,
): PartIdentity | undefined {
  const etag = strongEtag(validatorsOf(headers));
  const { announced } = bodyFraming(headers);
  if (key === undefined || etag === undefined || status !== 200) return undefined;
  if (announced === null || announced < MIN_KEPT_BYTES || headers['content-encoding'] !== undefined) return undefined;
  if (headerText(headers, 'accept-ranges')?.trim().toLowerCase() === 'none') return undefined;
  const changed = earlier !== null && earlier.etag !== etag;
  const contentType = parseContentType(headerText(headers, 'content-type'));
  return {
    key,
    etag,
    total: announced,
    restarts: (earlier?.restarts ?? 0) + (changed ? 1 : 0),
    ...(contentType === undefined ? {} : { contentType }),
  };
}
