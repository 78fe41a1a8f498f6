/* eslint @typescript-eslint/no-deprecated: off -- the driver asks for `writeConcern` instead, which the connection string overrules */
import type { MongoClientOptions } from 'mongodb';

/**
 * What the promises of the service rest on. Given as flat options, which win over the connection string; the nested `writeConcern`
 * and `readConcern` of the driver do not.
 */
const GUARANTEES = {
  // An acknowledged write survives the loss of a minority of members, and a kill -9 of a single server (journal).
  w: 'majority',
  journal: true,
  // A decision is never based on a write that a failover may roll back, nor on an old state of a secondary.
  readConcernLevel: 'majority',
  readPreference: 'primary',
  // A single-document write or a read whose answer is lost in a failover is sent once more, and takes effect once.
  retryWrites: true,
  retryReads: true,
} as const satisfies MongoClientOptions;

/** What a connection string may say about a guarantee, by the name of the parameter in lower case; null: nothing at all. */
const ALLOWED: Readonly<Record<string, { readonly name: string; readonly value: string | null }>> = {
  w: { name: 'w', value: 'majority' },
  journal: { name: 'journal', value: 'true' },
  j: { name: 'j', value: 'true' },
  readconcernlevel: { name: 'readConcernLevel', value: 'majority' },
  readpreference: { name: 'readPreference', value: 'primary' },
  readpreferencetags: { name: 'readPreferenceTags', value: null },
  maxstalenessseconds: { name: 'maxStalenessSeconds', value: null },
  retrywrites: { name: 'retryWrites', value: 'true' },
  retryreads: { name: 'retryReads', value: 'true' },
};

/** Time limits, in milliseconds. An operator who knows the network better sets them in the connection string. */
const LIMITS = {
  // A member that vanished is noticed when its monitor has waited for both: within 10 s. The driver's defaults add up to 40 s.
  heartbeatFrequencyMS: 4_000,
  // Long enough for a TLS handshake across continents and for a server under full load.
  connectTimeoutMS: 6_000,
  // No command looks at more than some ten thousand documents, so the longest takes a fraction of a second. Ends the wait on a
  // connection that has died without a word while the server itself is well.
  socketTimeoutMS: 30_000,
  // Replication lags by milliseconds, in a backup by seconds. When a majority is away for longer, the caller is told (503)
  // instead of waiting forever. The write may still take effect, as after any lost answer.
  wtimeoutMS: 10_000,
} as const satisfies MongoClientOptions;

/**
 * What a connection string says against the guarantees, one sentence each. Sentences name parameters and never quote anything else,
 * because the string holds a password.
 */
export function connectionProblems(url: string): string[] {
  return [...parametersOf(url)].flatMap(([parameter, values]) => {
    const rule = ALLOWED[parameter];
    if (rule === undefined || values.every((value) => value.toLowerCase() === rule.value)) return [];
    const { name, value } = rule;
    return value === null
      ? [`must not set ${name}: the service reads from the primary only`]
      : [`must not set ${name} to anything but ${value}: the service relies on it, so leave it out`];
  });
}

/**
 * The options of the one client of a process.
 * @param serverSelectionMs how long an operation waits for a server that can take it
 * @throws Error when the connection string contradicts what the service guarantees
 */
export function clientOptions(url: string, serverSelectionMs: number): MongoClientOptions {
  const problems = connectionProblems(url);
  if (problems.length > 0) throw new Error(problems.map((problem) => `MONGODB_URL ${problem}`).join('; '));
  const given = parametersOf(url);
  const limits = Object.entries({ ...LIMITS, serverSelectionTimeoutMS: serverSelectionMs });
  return {
    appName: 'durable-import',
    ...Object.fromEntries(limits.filter(([name]) => !given.has(name.toLowerCase()))),
    ...GUARANTEES,
    // Optional fields that are absent are not stored as null.
    ignoreUndefined: true,
  };
}

/** By lower-case name, as the driver reads them. A `?` can only begin the parameters: elsewhere it has to be escaped. */
function parametersOf(url: string): Map<string, string[]> {
  const parameters = new Map<string, string[]>();
  const query = url.indexOf('?');
  if (query === -1) return parameters;
  for (const [name, value] of new URLSearchParams(url.slice(query + 1))) {
    const key = name.toLowerCase();
    parameters.set(key, [...(parameters.get(key) ?? []), value]);
  }
  return parameters;
}
