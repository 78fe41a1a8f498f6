import { ImportError, REASONS } from '../contract/errors.js';
import type { Stage } from '../contract/errors.js';

/** The one refusal, with the same sentence for every cause: anything more would let a URL probe the network behind us. */
export function notAllowed(stage: Stage): ImportError {
  return new ImportError('url_not_allowed', REASONS.url_not_allowed.title, { stage });
}
