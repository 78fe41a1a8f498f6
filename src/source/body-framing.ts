import type { IncomingHttpHeaders } from 'node:http';
import { ImportError } from '../contract/errors.js';
import { headerText } from './header-text.js';

/** How the end of a body is known (RFC 9112 section 6.3). */
export interface BodyFraming {
  /** Announced bytes on the wire, null when there is no Content-Length. */
  readonly announced: number | null;
  /** False when the body ends with the connection, so that a cut cannot be told from the end. */
  readonly verifiable: boolean;
}

/** @throws ImportError unsupported_encoding when a transfer coding other than chunked lies over the body */
export function bodyFraming(headers: IncomingHttpHeaders): BodyFraming {
  const named = headerText(headers, 'transfer-encoding')?.trim().toLowerCase();
  // RFC 2616 had a coding of this name for none at all; old servers send it to this day.
  const coding = named === 'identity' ? undefined : named;
  if (coding !== undefined && coding !== 'chunked') {
    throw new ImportError('unsupported_encoding', 'The body has a transfer coding other than chunked', {
      stage: 'headers',
    });
  }
  const length = headerText(headers, 'content-length')?.trim();
  const announced = coding === undefined && length !== undefined && /^\d+$/.test(length) ? Number(length) : null;
  return { announced, verifiable: coding === 'chunked' || announced !== null };
}
