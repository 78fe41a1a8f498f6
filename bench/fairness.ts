import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mintToken } from '../src/cli/credentials.js';
import { readSecrets } from '../src/local-stack/files.js';
import { count, describeMachine, markdownTable, measuredOn, publish, PUBLICATION_OPTIONS, round } from './figures.js';
import {
  type BenchClient,
  createBenchClient,
  importThroughService,
  msUntilEnd,
  postRun,
  untilFinished,
} from './stack/import-client.js';
import { type Bench, withBench } from './stack/with-bench.js';

/** Of the two projects whose shares are measured; a ratio that shows in a run of half a minute. */
const WEIGHTS = { heavy: 3, light: 1 };
/** Small files: their number is what counts here. */
const BYTES = 4_096;
/** Ends a hang: all imports together take minutes. */
const WITHIN_MS = 3_600_000;

/** Whether a project that imports much delays another that imports little, and whether projects get their shares. */
export async function fairness(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      batches: { type: 'string', default: '20' },
      items: { type: 'string', default: '2000' },
      small: { type: 'string', default: '50' },
      'warm-up': { type: 'string', default: '3000' },
      ...PUBLICATION_OPTIONS,
    },
  });
  const batches = Number(values.batches);
  const items = Number(values.items);
  // PROJECT_WEIGHTS, as the configuration writes them.
  const weights = Object.entries(WEIGHTS)
    .map((pair) => pair.join('='))
    .join(',');
  const work = async (bench: Bench): Promise<void> => {
    const { api, dataDir } = bench;
    const { origin } = bench.origin;
    const clientOf = async (project: string) => createBenchClient({ api, token: await projectToken(dataDir, project) });
    const run = { name: 'warm-up', items: Number(values['warm-up']), bytes: 16_384 };
    await importThroughService({ api, token: bench.token, origin, run });
    const smallItems = Number(values.small);
    const large = await clientOf('large');
    const behind = await smallBehindMany({ large, other: await clientOf('other'), origin, batches, items, smallItems });
    bench.report(`Small imports measured behind ${batches} large ones`);
    const clients = { heavy: await clientOf('heavy'), light: await clientOf('light') };
    const had = await sharesOfProjects({ clients, origin, batches: Math.ceil(batches / 4), items });
    const shares = had.map(({ project, share }) => ({ project, weight: WEIGHTS[project], share }));

    const head = [
      `${smallItems} items behind ${batches} × ${count(items)}, of`,
      'Seconds',
      'Large ones that ended before it',
    ];
    const rows = behind.small.map(({ who, seconds, largeEndedBefore }) => {
      if (seconds === null) return [who, '–', '–'];
      return [who, round(seconds, 2), String(largeEndedBefore)];
    });
    const machine = await describeMachine();
    const where = `${measuredOn(machine, `database: ${bench.databaseKind}`)}.`;
    const crowd = `All large imports together took ${round(behind.largeSeconds, 1)} s.`;
    const shareTable = markdownTable(
      ['Project', 'Weight', 'Share of the items settled half-way'],
      shares.map(({ project, weight, share }) => [project, String(weight), round(share, 2)]),
    );
    const refusals = behind.small.flatMap(({ who, refused }) =>
      refused === undefined ? [] : [`- Skipped: ${who}. ${refused}`],
    );
    const text = [`${where} ${crowd}`, markdownTable(head, rows), refusals.join('\n'), shareTable]
      .filter((part) => part !== '')
      .join('\n\n');
    const result = { machine, database: bench.databaseKind, options: values, behind, shares };
    await publish({ name: 'fairness', text, result, json: values.json, writeReadme: values['write-readme'] });
  };
  await withBench(work, { env: { PROJECT_WEIGHTS: weights } });
}

interface SmallImport {
  readonly who: string;
  /** From its POST to its end; null when the service refused it. */
  readonly seconds: number | null;
  /** Large imports that had ended before it did. */
  readonly largeEndedBefore: number;
  readonly refused?: string;
}

interface Crowd {
  readonly large: BenchClient;
  readonly other: BenchClient;
  readonly origin: string;
  /** Large imports, and items of each. */
  readonly batches: number;
  readonly items: number;
  readonly smallItems: number;
}

interface BehindMany {
  readonly small: SmallImport[];
  /** All large imports, from the first POST to the last end. */
  readonly largeSeconds: number;
}

/** The end is taken from the import itself; polls that are closer would only be work for the gateway. */
const POLL_MS = 100;
/** Long enough for the large imports to take all lanes of the worker. */
const HEAD_START_MS = 1_000;

/** Posts many large imports of one project, and then small ones: of another project, of the same, and of the same but urgent. */
async function smallBehindMany(crowd: Crowd): Promise<BehindMany> {
  const { large, other, origin, smallItems } = crowd;
  const startedAt = Date.now();
  const largeIds: string[] = [];
  for (let batch = 1; batch <= crowd.batches; batch += 1) {
    const posted = await postRun(large, origin, { name: `crowd-${batch}`, items: crowd.items, bytes: BYTES });
    largeIds.push(...posted.importIds);
  }
  await delay(HEAD_START_MS);
  const one = async (who: string, name: string, client: BenchClient, more: object) => {
    const postedAt = Date.now();
    try {
      const { importIds } = await postRun(client, origin, { name, items: smallItems, bytes: BYTES }, more);
      const shown = await untilFinished(client, importIds[0] ?? '', POLL_MS, WITHIN_MS);
      return { who, endedAt: Date.parse(shown.finishedAt ?? ''), seconds: msUntilEnd(postedAt, shown) / 1000 };
    } catch (error) {
      // A service that does not know the key refuses it.
      return { who, endedAt: 0, seconds: null, refused: error instanceof Error ? error.message : String(error) };
    }
  };
  const small = await Promise.all([
    one('another project', 'small-other', other, {}),
    one('the same project, priority 1', 'small-urgent', large, { priority: 1 }),
    one('the same project', 'small-same', large, {}),
  ]);
  const ends: number[] = [];
  for (const id of largeIds) {
    const shown = await untilFinished(large, id, 500, WITHIN_MS);
    ends.push(Date.parse(shown.finishedAt ?? ''));
  }
  return {
    largeSeconds: (Math.max(...ends) - startedAt) / 1000,
    small: small.map(({ endedAt, ...rest }) => ({
      ...rest,
      largeEndedBefore: ends.filter((end) => end < endedAt).length,
    })),
  };
}

interface Share<Project extends string> {
  readonly project: Project;
  /** Of all items that were settled when half of the first project's were. */
  readonly share: number;
}

interface SharesOptions<Project extends string> {
  readonly clients: Readonly<Record<Project, BenchClient>>;
  readonly origin: string;
  readonly batches: number;
  readonly items: number;
}

/** Lets projects import the same amount at the same time, and reads the share of each when the first one is half-way. */
async function sharesOfProjects<Project extends string>({
  clients,
  origin,
  batches,
  items,
}: SharesOptions<Project>): Promise<Share<Project>[]> {
  const projects = Object.entries(clients) as [Project, BenchClient][];
  const ids = new Map<string, string[]>(projects.map(([project]) => [project, []]));
  for (let batch = 1; batch <= batches; batch += 1) {
    for (const [project, client] of projects) {
      const posted = await postRun(client, origin, { name: `share-${project}-${batch}`, items, bytes: BYTES });
      ids.get(project)?.push(...posted.importIds);
    }
  }
  const settledOf = async ([project, client]: [Project, BenchClient]): Promise<number> => {
    const shown = await Promise.all((ids.get(project) ?? []).map((id) => client.show(id)));
    return shown.reduce((sum, { counts }) => sum + counts.total - counts.open, 0);
  };
  let settled = await Promise.all(projects.map(settledOf));
  while (Math.max(...settled) < (batches * items) / 2) {
    await delay(250);
    settled = await Promise.all(projects.map(settledOf));
  }
  const all = settled.reduce((sum, one) => sum + one, 0);
  for (const [project, client] of projects)
    for (const id of ids.get(project) ?? []) await untilFinished(client, id, 500, WITHIN_MS);
  return projects.map(([project], index) => ({ project, share: (settled[index] ?? 0) / all }));
}

/** Longer than any benchmark. */
const HOUR_MS = 3_600_000;

/** An access token of any project for the stack that runs on the folder, which signs with a secret of its own. */
async function projectToken(dataDir: string, projectId: string): Promise<string> {
  const secret = process.env['TOKEN_SECRET'] ?? (await readSecrets(dataDir))?.tokenSecret;
  if (secret === undefined) throw new Error('The stack has made no secret for tokens');
  const wish = { projectId, scope: 'public-api:read public-api:write', name: 'bench', expiresInMs: HOUR_MS };
  return (await mintToken(wish, { secret })).token;
}
