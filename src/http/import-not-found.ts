import { ApiError } from '../contract/api-error.js';

/** Ids are short; a longer one is only shown in part. */
const MAX_SHOWN = 100;

/** The published 404 of an entity, also for what belongs to another project: it does not exist for this one. */
export function importNotFound(id: string): ApiError {
  return new ApiError(404, { name: 'NotFound', message: `Import does not exist (id: '${id.slice(0, MAX_SHOWN)}')` });
}
