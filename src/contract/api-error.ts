/** The HTTP statuses that the API answers with, and the published `error` text of each (RFC 9110 reason phrases). */
export const API_ERRORS = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;

export type ApiStatus = keyof typeof API_ERRORS;

/** An answer other than success: rendered as `{status, error, error_details}`. `headers` are added to the response. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: ApiStatus,
    readonly details: Readonly<Record<string, unknown>>,
    readonly headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(API_ERRORS[status], options);
  }
}
