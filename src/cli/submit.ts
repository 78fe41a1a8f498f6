import { randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { KINDS, LEAST_URGENT, MOST_URGENT, type KindPlural } from '../domain/import.js';
import { parseJson } from '../domain/parse-json.js';
import { escapeControls } from '../telemetry/logger.js';
import {
  createApiClient,
  Refused,
  Unreachable,
  findApi,
  withApiOptions,
  type ApiClient,
  type ApiOptions,
} from './api-client.js';
import { readBatchFile, type BatchFields, type PostBody } from './batch-file.js';
import { EXIT, type CliContext, type ExitCode } from './context.js';
import { exitCodeOf, summaryOf } from './summary.js';
import { waitShowingProgress } from './status.js';

interface SubmitOptions extends ApiOptions {
  readonly type: KindPlural;
  readonly wait?: true;
  readonly systemName?: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  readonly priority?: number;
  readonly idempotencyKey?: string;
  readonly json?: true;
}

const PRIORITY = new RegExp(`^[${MOST_URGENT}-${LEAST_URGENT}]$`);
const PLURALS = Object.values(KINDS).map(({ plural }) => plural);

const CSV_HELP = `
CSV: UTF-8 with a header line; cells separated by comma, semicolon or tab. Columns: url, id, fileName, mediaType and
metadata.NAME. Metadata cells are read by the type of their field in MEDIA_TYPES_FILE; a list is a|b|c; a blank cell is
an absent value. See docs/api.md.`;

export function submitCommand(context: CliContext, exit: (code: ExitCode) => void): Command {
  const command = new Command('submit')
    .description('import the batch in a .json, .ndjson or .csv file and print its id')
    .argument('<file>', '.json: the body of the POST; .ndjson: the batch, then one item a line; .csv: one item a line')
    .addOption(new Option('--type <type>', 'what the items are').choices(PLURALS).makeOptionMandatory())
    .option('--wait', 'wait for the end and print what became of the items')
    .option('--json', 'print JSON: the id, or with --wait the status document')
    .option('--system-name <name>', 'systemName of the batch; needed with .csv')
    .option('--webhook <url>', 'webhook of the batch')
    .option('--context <json>', 'context of the batch, a JSON object', parseContext)
    .option('--priority <number>', 'how urgent the batch is, 1 (most) to 5', parsePriority)
    .addHelpText('after', CSV_HELP)
    .option('--idempotency-key <key>', 'of a submit that may have got through: it is not imported twice')
    .addHelpText('after', '\nExit code: 0 all well, 1 usage or connection, 2 some items failed, 3 the import failed');
  return withApiOptions(command).action(async (file: string, options: SubmitOptions) => {
    exit(await submit(file, options, context));
  });
}

async function submit(file: string, options: SubmitOptions, context: CliContext): Promise<ExitCode> {
  const { type, json, systemName } = options;
  const { env, print, complain } = context;
  if (systemName === undefined && extname(file).toLowerCase() === '.csv')
    throw new Error(`${file}: a CSV file does not say which system its items come from, give it with --system-name`);
  const batch = await readBatchFile(file, fieldsOf(options));
  const client = createApiClient(await findApi(options, env));
  const id = await post(client, batch, options, complain);
  if (options.wait === undefined) {
    print(json === true ? JSON.stringify({ id }) : escapeControls(id));
    return EXIT.ok;
  }
  complain(`Import ${escapeControls(id)}`);
  const shown = await waitShowingProgress({ client, id }, context);
  print(json === true ? JSON.stringify(await client.status(type, id), null, 2) : await summaryOf(shown, client));
  return exitCodeOf(shown);
}

/** An answer that got lost does not tell whether the batch was accepted; with the same key it is safe to ask again. */
async function post(
  client: ApiClient,
  batch: PostBody,
  { type, idempotencyKey = randomUUID() }: SubmitOptions,
  complain: CliContext['complain'],
): Promise<string> {
  try {
    return await client.post(type, batch, idempotencyKey);
  } catch (error) {
    if (error instanceof Unreachable || (error instanceof Refused && mayHaveGotThrough(error)))
      complain(
        `Not known to be accepted. Repeat the command with --idempotency-key ${idempotencyKey}: then it is imported once`,
      );
    throw error;
  }
}

/** 409: the same key is still being handled. */
function mayHaveGotThrough({ status }: Refused): boolean {
  return status >= 500 || status === 409;
}

function fieldsOf({ systemName, webhook, context, priority }: SubmitOptions): BatchFields {
  return {
    ...(systemName === undefined ? {} : { systemName }),
    ...(webhook === undefined ? {} : { webhook }),
    ...(context === undefined ? {} : { context }),
    ...(priority === undefined ? {} : { priority }),
  };
}

function parsePriority(text: string): number {
  if (PRIORITY.test(text)) return Number(text);
  throw new InvalidArgumentError(`It must be an integer from ${MOST_URGENT} to ${LEAST_URGENT}.`);
}

function parseContext(text: string): Record<string, unknown> {
  try {
    const value = parseJson(text);
    // Throws at an integer that would be written out as another.
    JSON.stringify(value);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('It must be a JSON object without integers beyond 2^53.');
}
