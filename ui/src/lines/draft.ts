import { computed, signal } from '@preact/signals';
import { RequestFailed } from '../api/client.js';
import { parseText } from './parse.js';
import { propose, repairedUrl, type Row } from './propose.js';
import { checkRows, startImport, type Envelope, type SendAs } from './send.js';
import { byKind, problemsOf, repeatedIds, withVerdict, type KindChoice } from './table.js';
import { newKey } from '../api/client.js';
import { counted } from '../words/numbers.js';

/**
 * The import that is being put together. It outlives the place, so that Back and forth keeps it, and not the tab.
 */
export const rows = signal<readonly Row[]>([]);
const sendAs = signal<SendAs>('json');
export const choice = signal<KindChoice>('by-type');
export const systemName = signal('');
export const webhook = signal('');
export const priority = signal(3);
export const context = signal('');
/** What the service said about the import itself, by field. */
export const envelopeProblems = signal<Readonly<Record<string, string>>>({});
/** Why nothing can be checked or started at the moment. */
export const trouble = signal<string | null>(null);

export const repeated = computed(() => repeatedIds(rows.value));
/** Rows with something wrong. */
export const bad = computed(() => rows.value.filter((row) => Object.keys(problemsOf(row, repeated.value)).length > 0));
export const unchecked = computed(() => rows.value.filter(({ isChecked }) => !isChecked));
export const good = computed(() => {
  const left = new Set(bad.value);
  return rows.value.filter((row) => !left.has(row));
});
/** Rows whose address can be repaired without asking. */
export const repairable = computed(() =>
  rows.value.filter((row) => row.problems['url'] !== undefined && repairedUrl(row.url) !== null),
);

/** Adds what a text holds to the lines that are there. @returns how many lines it held */
export function addText(text: string): number {
  const parsed = parseText(text);
  if (parsed.lines.length === 0) return 0;
  if (parsed.systemName !== null && systemName.value === '') systemName.value = parsed.systemName;
  if (rows.value.length === 0) sendAs.value = parsed.format === 'table' ? 'table' : 'json';
  const before = rows.value;
  const taken = before.map(({ id, url, fileName, mediaType, metadata, line }) => ({
    ...{ id, url, fileName, mediaType, metadata, line },
  }));
  // Proposed together, so that new ids differ from those that are there.
  const proposed = propose([...taken, ...parsed.lines]).slice(before.length);
  const first = (before.at(-1)?.key ?? -1) + 1;
  rows.value = [...before, ...proposed.map((row, at) => ({ ...row, key: first + at }))];
  return parsed.lines.length;
}

export function clearDraft(): void {
  rows.value = [];
  envelopeProblems.value = {};
  trouble.value = null;
  webhook.value = '';
  context.value = '';
}

/** All rows are to be checked again: what they are imported as has changed. */
export function choose(kind: KindChoice): void {
  choice.value = kind;
  rows.value = rows.value.map((row) => ({ ...row, isChecked: false }));
}

/** The import itself is to be checked again, with its first row. */
export function touchEnvelope(): void {
  envelopeProblems.value = {};
  rows.value = rows.value.map((row, at) => (at === 0 ? { ...row, isChecked: false } : row));
}

/** What the import says beside its lines; null with a problem of its own when it cannot be read. */
function envelope(): Envelope | null {
  const said: { context?: unknown } = {};
  if (context.value.trim() !== '') {
    try {
      said.context = JSON.parse(context.value) as unknown;
    } catch {
      envelopeProblems.value = { context: 'Must be a JSON object' };
      return null;
    }
  }
  return {
    // Checked before somebody has named the system.
    systemName: systemName.value.trim() === '' ? 'not named yet' : systemName.value.trim(),
    ...(webhook.value.trim() === '' ? {} : { webhook: webhook.value.trim() }),
    ...(priority.value === 3 ? {} : { priority: priority.value }),
    ...said,
  };
}

let checking: Promise<void> | null = null;

/** Has the service look at every row that changed, until there is none. */
export function check(): Promise<void> {
  checking ??= checkAll().finally(() => (checking = null));
  return checking;
}

async function checkAll(): Promise<void> {
  const about = envelope();
  if (about === null) return;
  try {
    for (;;) {
      // Only some at a time: what is edited meanwhile is sent as it is then.
      const waiting = rows
        .peek()
        .filter((row) => !row.isChecked)
        .slice(0, 2_000);
      if (waiting.length === 0) break;
      for (const [kind, part] of byKind(waiting, choice.peek())) {
        const verdict = await checkRows(part, kind, about, sendAs.peek());
        if (Object.keys(verdict.envelope).length > 0) {
          envelopeProblems.value = verdict.envelope;
          return;
        }
        rows.value = withVerdict(rows.peek(), part, verdict.rows);
      }
    }
    trouble.value = null;
  } catch (error) {
    trouble.value = error instanceof RequestFailed ? error.message : String(error);
  }
}

/** One key for each import of a press on start, so that pressing again after a lost answer starts nothing twice. */
let keys = new Map<string, string>();

/**
 * Starts an import of every kind among the good rows.
 * @returns their ids; null when the service found something wrong, which stands beside its cell then
 */
export async function start(): Promise<readonly string[] | null> {
  const about = envelope();
  if (about === null) return null;
  const ids: string[] = [];
  for (const [kind, part] of byKind(good.peek(), choice.peek())) {
    const said = JSON.stringify([kind, about, part.map(({ url, id, fileName }) => [url, id, fileName])]);
    const key = keys.get(said) ?? newKey();
    keys.set(said, key);
    const answer = await startImport(part, kind, about, sendAs.peek(), key);
    if (!('id' in answer)) {
      envelopeProblems.value = answer.envelope;
      rows.value = withVerdict(rows.peek(), part, answer.rows);
      trouble.value = `The service refused ${counted(answer.rows.size, 'line')}. They are marked below`;
      return null;
    }
    ids.push(answer.id);
    // What runs is not started once more when a later kind is refused.
    const started = new Set(part);
    rows.value = rows.peek().filter((row) => !started.has(row));
  }
  keys = new Map();
  return ids;
}
