import ms from 'ms';
import { z } from 'zod';
import { parseAllowList } from './egress/addresses.js';
import { connectionProblems } from './store/open-store.js';

const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

/** What was read, for the sentence about it; none of these values is secret. */
function was(text: unknown): string {
  return `was "${String(text).slice(0, 100)}"`;
}

/** A duration such as `500ms`, `10s`, `5m`, `2h`, `90d`; parsed to milliseconds. */
export const Duration = z.string().transform((text, context) => {
  const value = /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text) ? ms(text as ms.StringValue) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  context.addIssue({ code: 'custom', message: `must be a duration such as 500ms, 10s, 5m, 2h or 90d, ${was(text)}` });
  return z.NEVER;
});

/** At most 45 seconds: the activity around a delivery attempt ends after 60. */
export const WebhookDuration = Duration.refine((ms) => ms <= 45_000, 'must be at most 45s');

/** A size such as `16KiB`, `8MiB`, `50GiB`, optionally `/s`; parsed to bytes. */
export const Size = z.string().transform((text, context) => {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)(?:\/s)?$/.exec(text) ?? [];
  if (number !== undefined && unit !== undefined)
    return Math.round(Number(number) * SIZE_UNITS[unit as keyof typeof SIZE_UNITS]);
  context.addIssue({ code: 'custom', message: `must be a size such as 16KiB, 8MiB or 50GiB, ${was(text)}` });
  return z.NEVER;
});

/** `6000/60s`, that many requests in that time, or `off`; null when off. */
export const Rate = z.string().transform((text, context) => {
  if (text === 'off') return null;
  const [, points, window] = /^(\d+)\/(\d+(?:ms|s|m|h))$/.exec(text) ?? [];
  if (points !== undefined && window !== undefined && Number(points) > 0)
    return { points: Number(points), windowMs: ms(window as ms.StringValue) };
  context.addIssue({ code: 'custom', message: `must be a rate such as 6000/60s, or off, ${was(text)}` });
  return z.NEVER;
});

/** What Temporal takes as fairness weight; it would silently pull others to the nearest end. */
const WEIGHTS = { least: 0.001, most: 1000 } as const;

/** Shares of projects, `gold=4,free=0.5`; parsed to a map from project id to weight. Every entry that is wrong is named. */
const ProjectWeights = z
  .string()
  .default('')
  .transform((text, context) => {
    const weights = new Map<string, number>();
    for (const entry of text.split(',').map((part) => part.trim())) {
      if (entry === '') continue;
      const [, project = '', number = ''] = /^([A-Za-z0-9_-]{1,64})\s*=\s*(\d+(?:\.\d+)?)$/.exec(entry) ?? [];
      const weight = Number(number);
      const problem = weightProblem(project, weight, weights);
      if (problem === null) weights.set(project, weight);
      else context.addIssue({ code: 'custom', message: `${entry}: ${problem}` });
    }
    return weights;
  });

function weightProblem(project: string, weight: number, known: ReadonlyMap<string, number>): string | null {
  if (project === '') return 'must be a project id and its weight, such as gold=4';
  if (weight < WEIGHTS.least || weight > WEIGHTS.most)
    return `must have a weight from ${WEIGHTS.least} to ${WEIGHTS.most}`;
  return known.has(project) ? 'must not name a project twice' : null;
}

/** A comma-separated list of durations. */
export const Durations = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(Duration).min(1));

/** A whole number from `least` to `most`; what it says of a wrong one quotes that. */
function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  return z.string().transform((text, context) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const rule = Number.isNaN(value) ? 'must be a whole number' : `must be ${range}`;
    context.addIssue({ code: 'custom', message: `${rule}, ${was(text)}` });
    return z.NEVER;
  });
}

/** One of a few words. */
function oneOf<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return z.enum(words, { error: ({ input }) => `must be one of ${words.join(', ')}, ${was(input)}` });
}

/** `true` or `false`, and the other words for them that zod takes. */
const Flag = z.stringbool({ error: ({ input }) => `must be true or false, ${was(input)}` });

const Port = wholeNumber(1, 65_535);
const Count = wholeNumber(1);

const HttpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .transform((url) => url.replace(/\/+$/, ''));
const ApiVersion = z.string().regex(/^\d{4}-(01|03|05|07|09|11)$/, 'must be YYYY-MM of an odd month');

/**
 * Every variable that the service reads. The text beside each one is what docs/configuration.md says, and a test holds both
 * equal. Defaults suit a laptop; secrets have none; what opens the network inwards is closed.
 */
export const ConfigSchema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address the gateway listens on'),
  PORT: Port.default(8080).describe('Port of the API'),
  METRICS_HOST: z.string().default('127.0.0.1').describe('Address that /metrics is served on'),
  METRICS_PORT: Port.default(9464).describe('Port of /metrics; under `start` the worker takes the next one'),
  PUBLIC_URL: HttpUrl.optional().describe(
    'Public origin of the API, for asset URLs and links; http://HOST:PORT when absent',
  ),
  DATA_DIR: z.string().default('.data').describe('Folder of the embedded servers, blobs, secrets and run.json'),
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233').describe('host:port of the Temporal frontend'),
  TEMPORAL_NAMESPACE: z.string().default('default').describe('Temporal namespace'),
  TEMPORAL_TASK_QUEUE: z
    .string()
    .default('durable-import')
    .describe('Base name of the task queues that gateway and worker share'),
  TEMPORAL_API_KEY: z.string().optional().describe('API key for Temporal Cloud; enables TLS'),
  TEMPORAL_UI_URL: HttpUrl.optional().describe('Origin of the Temporal UI, for links to runs'),
  MONGODB_URL: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, 'must start with mongodb:// or mongodb+srv://')
    .superRefine((url, context) => {
      for (const message of connectionProblems(url)) context.addIssue({ code: 'custom', message });
    })
    .default('mongodb://127.0.0.1:27017')
    .describe('MongoDB connection string'),
  MONGODB_DATABASE: z.string().default('durable_import').describe('MongoDB database'),
  BLOB_STORE_URL: z
    .string()
    .regex(/^(file|s3):/, 'must start with file: or s3:')
    .optional()
    .describe('Where bytes are stored: file:FOLDER or s3://BUCKET/PREFIX?endpoint=…; DATA_DIR/blobs when absent'),
  AWS_ACCESS_KEY_ID: z
    .string()
    .optional()
    .describe('Access key for an s3: blob store; the AWS provider chain when absent'),
  AWS_SECRET_ACCESS_KEY: z.string().optional().describe('Secret key for an s3: blob store'),
  AWS_SESSION_TOKEN: z.string().optional().describe('Session token that goes with temporary keys of an s3: blob store'),
  TOKEN_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= 32, 'must be at least 32 bytes (RFC 7518 section 3.2)')
    .optional()
    .describe('Secret for signing and verifying access tokens (HS256)'),
  TOKEN_JWKS_FILE: z
    .string()
    .optional()
    .describe('JWKS file with the public keys of an identity provider, instead of TOKEN_SECRET'),
  TOKEN_ISSUER: z.string().optional().describe('Required `iss` of access tokens, unchecked when absent'),
  TOKEN_AUDIENCE: z.string().optional().describe('Required `aud` of access tokens, unchecked when absent'),
  ITEM_HEADERS_KEY: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= 32, 'must be at least 32 bytes')
    .optional()
    .describe('Encrypts request headers of items in MongoDB, in gateway and worker; stored as they are when absent'),
  EGRESS_ALLOW: z
    .string()
    .default('')
    .transform((text, context) => {
      try {
        return parseAllowList(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not valid' });
        return z.NEVER;
      }
    })
    .describe('Private addresses that may be fetched, as CIDR:port,…; for tests and demos'),
  EGRESS_ALLOW_UNSAFE: Flag.default(false).describe('Permits EGRESS_ALLOW when NODE_ENV is production'),
  EGRESS_PROXY: HttpUrl.optional().describe(
    'Forward proxy (CONNECT) for all fetches and webhooks; HTTP_PROXY is ignored',
  ),
  NODE_ENV: z.string().optional().describe('`production` refuses EGRESS_ALLOW and CRASH_AT'),
  MEDIA_TYPES_FILE: z.string().optional().describe('JSON file with the media types of the project'),
  FFPROBE: z
    .string()
    .optional()
    .describe(
      'Path of ffprobe, a second opinion on video and audio that the built-in reader does not know, or off; looked for in PATH when absent',
    ),
  PATH: z.string().optional().describe('Folders that ffprobe is looked for in'),
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal')
    .default('info')
    .describe('Lowest level of log lines that are written'),
  API_VERSION_LATEST: ApiVersion.default('2026-11').describe('Newest API version that is available'),
  API_VERSIONS_WITHDRAWN: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(z.string().regex(/^(v1|beta|\d{4}-(0[1-9]|1[0-2]))$/, 'must be v1, beta or YYYY-MM')))
    .describe('API versions that answer 410, comma-separated'),
  UNKNOWN_ID: oneOf('404', 'lost')
    .default('404')
    .describe('Response of the status routes to an unknown id: 404, or 200 with state lost'),
  ITEM_SUCCESS_STATE: oneOf('success', 'imported')
    .default('success')
    .describe('State of imported items in status bodies'),
  // Half of a heap of 512 MiB, the limit for a container of 768 MiB.
  MEMORY_FOR_BODIES: Size.default(256 * 1024 ** 2).describe(
    'Memory of one gateway for request bodies, as text and as objects; at least 96MiB',
  ),
  // With bodies (64 MiB on the wire) and the process itself (120 MiB) well within the 768 MiB of the shipped container.
  MEMORY_FOR_ANSWERS: Size.default(64 * 1024 ** 2).describe(
    'Memory of one gateway for lists being sent; at least 16MiB, half of it for one project',
  ),
  // With a file or a connection to the blob store each, twice as many descriptors: below the 4,096 of a common limit.
  MAX_CONNECTIONS: Count.default(2_000).describe('Client connections to one gateway; further ones are closed'),
  // A reader that does not read costs a descriptor and a quarter of a MiB; the S3 client has 300 sockets.
  MAX_OPEN_ASSETS: Count.default(256).describe(
    'Assets that one gateway sends concurrently; further requests have to wait',
  ),
  // Far more than pollers and a few uploads need; a twentieth of the connections.
  MAX_PROJECT_REQUESTS: Count.default(100).describe('Requests of one project that one gateway handles concurrently'),
  RATE_LIMIT: Rate.default({ points: 6000, windowMs: 60_000 }).describe(
    'Points per token and gateway, or off: a request costs 1, and a body 1 for each MiB',
  ),
  // Four tokens at their limit: services, not a loop that mints tokens.
  RATE_LIMIT_PROJECT: Rate.default({ points: 24_000, windowMs: 60_000 }).describe(
    'Points per project and gateway, over all of its tokens, or off',
  ),
  RETRY_ATTEMPTS: Count.default(10).describe('Attempts at an item before it fails'),
  RETRY_INITIAL: Duration.default(1000).describe('Pause after the first failed attempt; doubles each time'),
  RETRY_MAX: Duration.default(300_000).describe('Longest pause between two attempts that the source did not ask for'),
  DOWNLOAD_CONNECT_TIMEOUT: Duration.default(10_000).describe('Timeout for connecting, including TLS'),
  DOWNLOAD_HEADERS_TIMEOUT: Duration.default(30_000).describe('Timeout from request to response headers'),
  DOWNLOAD_IDLE_TIMEOUT: Duration.default(60_000).describe('Longest silence within a body'),
  DOWNLOAD_MIN_SPEED: Size.default(16_384).describe('Minimum speed, bytes per second'),
  DOWNLOAD_MIN_SPEED_WINDOW: Duration.default(60_000).describe('Window in which DOWNLOAD_MIN_SPEED is measured'),
  DOWNLOAD_MAX_BYTES: Size.default(50 * 1024 ** 3).describe('Maximum size of a file'),
  DOWNLOAD_MAX_REDIRECTS: wholeNumber(0, 20).default(5).describe('Maximum number of redirects'),
  HOST_MAX_CONNECTIONS: Count.default(8).describe('Connections to one host, per worker'),
  HOST_MAX_CONCURRENT: Count.default(16).describe('Items of one host fetched concurrently, in all workers together'),
  HOST_RATE: Rate.optional().describe(
    'Rate at which items of one host may start, such as 10/1s, in all workers together',
  ),
  // Two more than one import has under way, so that a worker with one import always asks for other work.
  WORKER_PAGES: wholeNumber(1, 100)
    .default(10)
    .describe('Pages that one worker processes concurrently; projects take turns for the next one'),
  PROJECT_WEIGHTS: ProjectWeights.describe(
    'Weights of projects while work is queued, such as gold=4,free=0.5; 1 for all others',
  ),
  SWEEP_ABOVE: wholeNumber(0, 1000)
    .default(200)
    .describe('With more due items than this, an import is processed in pages, otherwise with one activity per item'),
  SWEEP_PAGE: wholeNumber(1, 500)
    .default(50)
    .describe('Items in a page; twice as many in imports of more than 5,000 items'),
  WEBHOOK_SCHEDULE: Durations.default([
    0, 5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
  ]).describe('Pauses before each delivery attempt'),
  WEBHOOK_TIMEOUT: WebhookDuration.default(15_000).describe('Timeout of one delivery attempt'),
  RETENTION_DAYS: wholeNumber(4)
    .default(90)
    .describe(
      'Days that a finished import and its items are kept; media stay. At least 4: webhooks are tried for three',
    ),
  GARBAGE_INTERVAL: Duration.default(6 * 3_600_000).describe(
    'Time between two collections of unreferenced blobs, parts and expired records',
  ),
  CRASH_AT: z
    .string()
    .regex(
      /^[a-z_]+(:[1-9]\d*)?$/,
      'must be a crash point, such as after_blob_before_media or after_blob_before_media:3',
    )
    .optional()
    .describe('For tests: kills the process at this point, or when it is reached the n-th time. Refused in production'),
});

export type Config = Readonly<z.infer<typeof ConfigSchema>>;

/**
 * Reads and checks the environment once.
 * @throws Error that lists every variable that is wrong, with its rule.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  // An empty variable in a compose file or a shell means "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = ConfigSchema.safeParse(given);
  const problems = (result.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (result.success) problems.push(...contradictions(result.data, given));
  if (!result.success || problems.length > 0)
    throw new Error(`The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  return Object.freeze(result.data);
}

/** The largest list that is held as a whole has 8 MiB, and one project has half of the room. */
const LEAST_FOR_ANSWERS = 16 * 1024 ** 2;

/** What no variable can know by itself. */
function contradictions(config: Config, given: Readonly<Record<string, string | undefined>>): string[] {
  const problems: string[] = [];
  const isProduction = config.NODE_ENV === 'production';
  if (isProduction && !config.EGRESS_ALLOW_UNSAFE && given['EGRESS_ALLOW'])
    problems.push('EGRESS_ALLOW: opens private addresses and is refused in production unless EGRESS_ALLOW_UNSAFE=1');
  if (isProduction && config.CRASH_AT !== undefined)
    problems.push('CRASH_AT: makes the process kill itself and is refused in production');
  if (config.MEMORY_FOR_ANSWERS < LEAST_FOR_ANSWERS) problems.push('MEMORY_FOR_ANSWERS: must be at least 16MiB');
  if (config.GARBAGE_INTERVAL < 1_000) problems.push('GARBAGE_INTERVAL: must be at least 1s');
  // A delivery that finds its import gone would be retried forever. Pauses are lengthened by up to a tenth.
  const deliveryDays = (config.WEBHOOK_SCHEDULE.reduce((sum, pause) => sum + pause, 0) * 1.1) / 86_400_000;
  if (config.RETENTION_DAYS <= deliveryDays)
    problems.push(`RETENTION_DAYS: must be more than the ${Math.ceil(deliveryDays)} days of WEBHOOK_SCHEDULE`);
  return problems;
}
