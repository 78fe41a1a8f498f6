import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BenchResult } from './measure/run-record.js';
import { itemCosts, type ItemCosts } from './model/item-costs.js';
import { renderModel } from './model/render-model.js';
import { replaceBlock } from './report/replace-block.js';

/*
 * Prints what a million items take, from the costs of one in model/costs.json. `--from FILE` takes these from a result of
 * `npm run bench` first and keeps them; `--write-docs` puts the table into docs/scaling.md.
 */
const { values } = parseArgs({
  options: { from: { type: 'string' }, 'write-docs': { type: 'boolean', default: false } },
});
const COSTS = fileURLToPath(new URL('model/costs.json', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/scaling.md', import.meta.url));

if (values.from !== undefined) {
  const result = JSON.parse(await readFile(values.from, 'utf8')) as BenchResult;
  await writeFile(COSTS, `${JSON.stringify(itemCosts(result), null, 2)}\n`);
}
const table = renderModel(JSON.parse(await readFile(COSTS, 'utf8')) as ItemCosts);
process.stdout.write(`${table}\n`);
if (values['write-docs']) await writeFile(PAGE, replaceBlock(await readFile(PAGE, 'utf8'), 'model', table));
