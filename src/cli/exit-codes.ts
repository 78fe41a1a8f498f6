/** How commands end; scripts rely on the numbers. */
export const EXIT = {
  ok: 0,
  /** Wrong usage, no connection, or anything else that kept the command from its work. */
  trouble: 1,
  /** The import ran to its end and some items failed. */
  itemsFailed: 2,
  /** The import was cancelled, terminated or could not run. */
  importFailed: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
