import { ImportError } from '../contract/errors.js';
import { LeaveSweep } from '../contract/source.js';

export interface SizeLimit {
  readonly maxBytes: number;
  readonly sweepBytes: number | undefined;
  readonly mayStay?: (() => boolean) | undefined;
}

/**
 * Holds announced, received and decoded sizes alike against both limits.
 * @throws ImportError too_large; LeaveSweep large
 */
export function checkSize(bytes: number, { maxBytes, sweepBytes, mayStay }: SizeLimit): void {
  if (bytes > maxBytes) {
    throw new ImportError('too_large', `The file is larger than ${maxBytes} bytes, the limit`, { stage: 'body' });
  }
  if (sweepBytes !== undefined && bytes > sweepBytes && mayStay?.() !== true) throw new LeaveSweep('large');
}
