import { ApiError } from '../contract/api-error.js';
import { KINDS, type Kind } from '../contract/kinds.js';

/** Ids are short; a longer one is only shown in part. */
const MAX_SHOWN = 100;

/** The published 404 of an entity, also for what belongs to another project: it does not exist for this one. */
export function importNotFound(id: string): ApiError {
  return notFound(`Import does not exist (id: '${id.slice(0, MAX_SHOWN)}')`);
}

/** The 404 of an import of this project that another route knows. */
export function importOfOtherKind(id: string, kind: Kind, version: string): ApiError {
  return notFound(
    `Import ${id} is ${kind === 'image' ? 'an' : 'a'} ${kind} import; ask at /api/${version}/import/${KINDS[kind].plural}/status?id=${id}`,
  );
}

function notFound(message: string): ApiError {
  return new ApiError(404, { name: 'NotFound', message });
}
