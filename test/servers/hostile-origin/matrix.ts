import type { Fault } from './fault.js';
import { CONNECTION_FAULTS, NAME_FAULTS, PROTOCOL_FAULTS } from './faults-before-answer.js';
import { ENCODING_FAULTS, TRANSFER_FAULTS } from './faults-of-bodies.js';
import { LARGE_FILE_FAULTS } from './faults-of-large-files.js';
import { REDIRECT_FAULTS, STATUS_FAULTS } from './faults-of-statuses.js';
import { PASSING_FAULTS, TYPE_FAULTS } from './faults-of-types.js';

/** Every fault that is documented, by the part of the answer that it lies in, as docs/errors.md shows them. */
export const FAULTS: Readonly<Record<string, readonly Fault[]>> = {
  Names: NAME_FAULTS,
  Connections: CONNECTION_FAULTS,
  Protocol: PROTOCOL_FAULTS,
  Statuses: STATUS_FAULTS,
  Redirects: REDIRECT_FAULTS,
  Transfer: TRANSFER_FAULTS,
  'Large files': LARGE_FILE_FAULTS,
  Encoding: ENCODING_FAULTS,
  Types: TYPE_FAULTS,
  'Passing trouble': PASSING_FAULTS,
};

export const ALL_FAULTS: readonly Fault[] = Object.values(FAULTS).flat();
