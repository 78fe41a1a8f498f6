/** What went wrong, in the reader's words: the cause as a sentence, and what to do about it. Codes are those of `docs/errors.md`. */
interface Cause {
  readonly says: string;
  readonly todo: string;
}

const CAUSES: Readonly<Record<string, Cause>> = {
  url_not_allowed: {
    says: 'The address is not public, so it may not be fetched',
    todo: 'Use an address that everybody can open on the internet',
  },
  redirect_refused: {
    says: 'The address leads on to another one that may not be fetched',
    todo: 'Open the address in a browser and use the one where you arrive',
  },
  dns_failed: { says: 'There is no server of this name', todo: 'Check the spelling of the host in the address' },
  connect_failed: { says: 'The server could not be reached', todo: 'Check whether the site is up, then try again' },
  tls_failed: {
    says: 'The certificate of the server is not valid',
    todo: 'Ask the owner of the site to renew the certificate',
  },
  timeout: { says: 'The server did not answer in time', todo: 'Try again later, it may be overloaded' },
  too_slow: {
    says: 'The server sent the file too slowly',
    todo: 'Try again later, or ask the owner for a faster source',
  },
  http_401: {
    says: 'The server asks for a password (401)',
    todo: 'Use an address that carries its own permission, such as a signed one',
  },
  http_403: {
    says: 'The server refuses access (403)',
    todo: 'A signed address may have expired: get a new one',
  },
  http_404: { says: 'The server said the file does not exist (404)', todo: 'Correct the address' },
  http_410: { says: 'The server said the file was removed (410)', todo: 'Find another source, or leave it out' },
  http_4xx: { says: 'The server refuses the request', todo: 'Look at the status of the last attempt' },
  http_5xx: { says: 'The server has an error of its own (5xx)', todo: 'Try again when the site has recovered' },
  rate_limited: {
    says: 'The server said there were too many requests (429)',
    todo: 'Try again later, or ask the owner for a higher limit',
  },
  truncated: {
    says: 'The file ended before its announced length',
    todo: 'Try again; the source may cut long transfers',
  },
  source_changed: { says: 'The file kept changing while it was fetched', todo: 'Try again when the file is stable' },
  too_large: {
    says: 'The file is larger than allowed',
    todo: 'Make the file smaller, or ask the operator to raise the limit',
  },
  empty: { says: 'The file is empty', todo: 'Upload the file at the source again' },
  type_mismatch: {
    says: 'What the server sent is not the kind of file that was asked for',
    todo: 'Open the address: it may show a sign-in or error page instead of the file',
  },
  type_not_allowed: {
    says: 'Files of this type are not accepted here',
    todo: 'Use another format, or ask the operator to allow the type',
  },
  unsupported_encoding: {
    says: 'The file arrived in a form that cannot be unpacked',
    todo: 'Ask the owner of the site to send it plain',
  },
  metadata_invalid: {
    says: 'The metadata breaks the rules of the media type',
    todo: 'Correct the fields that are named',
  },
  kind_conflict: { says: 'The id belongs to media of another kind already', todo: 'Use another id for this file' },
  storage_failed: { says: 'The file could not be stored here', todo: 'Tell the operator, then try again' },
  worker_crashed: { says: 'The service crashed each time it tried this file', todo: 'Tell the operator' },
  cancelled: { says: 'The import was cancelled before this was done', todo: 'Try again to bring it in after all' },
  already_exists: { says: 'It is in the library already, unchanged', todo: 'There is nothing to do' },
  superseded: { says: 'A newer import has brought this id in meanwhile', todo: 'There is nothing to do' },
};

export function causeOf(code: string): string {
  return CAUSES[code]?.says ?? code;
}

/** What the reader can do; the service's own hint for a code that this page does not know. */
export function adviceOf(code: string, hint = ''): string {
  return CAUSES[code]?.todo ?? hint;
}

/** Every code that has words here; a test holds it equal to the table of the service. */
export const KNOWN_CODES: readonly string[] = Object.keys(CAUSES);

/** Stages of an attempt, as what was being done. */
const STAGES: Readonly<Record<string, string>> = {
  validate: 'checking the address',
  resolve: 'looking up the host',
  connect: 'connecting',
  headers: 'waiting for the answer',
  body: 'receiving the file',
  type: 'looking at its type',
  store: 'storing it',
  record: 'writing the record',
};

export function stageOf(stage: string): string {
  return STAGES[stage] ?? stage;
}
