import type { EgressResponse } from '../contract/egress.js';
import { ImportError } from '../contract/errors.js';
import type { FetchRequest, Fetched } from '../contract/source.js';
import { shownContentType } from './content-type.js';
import type { Earlier } from './earlier.js';
import { headerText } from './header-text.js';
import { receiveContent } from './receive-content.js';
import { retryAfterMs } from './retry-after.js';
import type { SourceDeps } from './source-deps.js';
import { carriesFile, statusFailure } from './status-failure.js';
import { validatorsOf } from './validators.js';

/**
 * Turns an answer into a stored asset. The caller destroys the body.
 * @throws ImportError with the HTTP status and content type of the answer, and the received bytes; LeaveSweep
 */
export async function receiveAsset(
  response: EgressResponse,
  request: FetchRequest,
  deps: SourceDeps,
  earlier: Earlier,
): Promise<Fetched> {
  const { status, headers } = response;
  const contentType = shownContentType(earlier.begun?.part.contentType ?? headerText(headers, 'content-type'));
  const answer = { httpStatus: status, ...(contentType === undefined ? {} : { contentType }) };
  let received: number | undefined;
  try {
    if (earlier.begun === null && !carriesFile(status)) {
      throw statusFailure(status, retryAfterMs(headerText(headers, 'retry-after')));
    }
    const asset = await receiveContent(response, request, deps, earlier, (bytes) => (received = bytes));
    return { kind: 'fetched', asset, validators: validatorsOf(headers), ...answer, received: received ?? 0 };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    const arrived = received === undefined ? {} : { bytes: received };
    throw new ImportError(
      error.code,
      error.message,
      { ...answer, ...arrived, ...error.details },
      { cause: error.cause },
    );
  }
}
