/** The project that `start` makes its token and webhook secret for. */
export const DEFAULT_PROJECT = 'default';
