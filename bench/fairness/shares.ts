import { setTimeout as delay } from 'node:timers/promises';
import type { BenchClient } from '../contenders/bench-client.js';
import { postRun, untilFinished } from '../contenders/service-load.js';

export interface Share<Project extends string> {
  readonly project: Project;
  /** Of all items that were settled when half of the first project's were. */
  readonly share: number;
}

export interface SharesOptions<Project extends string> {
  readonly clients: Readonly<Record<Project, BenchClient>>;
  readonly origin: string;
  readonly batches: number;
  readonly items: number;
}

const WITHIN_MS = 3_600_000;

/** Lets projects import the same amount at the same time, and reads who has had how much when the first one is half-way. */
export async function sharesOfProjects<Project extends string>({
  clients,
  origin,
  batches,
  items,
}: SharesOptions<Project>): Promise<Share<Project>[]> {
  const projects = Object.entries(clients) as [Project, BenchClient][];
  const ids = new Map<string, string[]>(projects.map(([project]) => [project, []]));
  for (let batch = 1; batch <= batches; batch += 1) {
    for (const [project, client] of projects) {
      const posted = await postRun(client, origin, { name: `share-${project}-${batch}`, items, bytes: 4_096 });
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
