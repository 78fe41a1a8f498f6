import { KINDS, type Kind } from '../../domain/import.js';

interface DemoItem {
  readonly id: string;
  /** Below the origin. */
  readonly path: string;
  /** `success`, or the code that it must fail with. */
  readonly expected: string;
}

export interface DemoBatch {
  readonly kind: Kind;
  readonly items: readonly DemoItem[];
}

/** What the demo imports, and what must come of it. */
export const DEMO_BATCHES: readonly DemoBatch[] = [
  {
    kind: 'video',
    items: [
      { id: 'mp4', path: 'clip.mp4', expected: 'success' },
      { id: 'webm', path: 'clip.webm', expected: 'success' },
      { id: 'mov', path: 'clip.mov', expected: 'success' },
      { id: 'login-page', path: 'login-page.mp4', expected: 'type_mismatch' },
      { id: 'missing', path: 'missing.mp4', expected: 'http_404' },
      { id: 'flaky', path: 'flaky/clip.mp4', expected: 'success' },
    ],
  },
  {
    kind: 'image',
    items: [
      { id: 'png', path: 'picture.png', expected: 'success' },
      { id: 'jpeg', path: 'picture.jpg', expected: 'success' },
    ],
  },
  { kind: 'file', items: [{ id: 'pdf', path: 'document.pdf', expected: 'success' }] },
];

/** The body of the POST for a batch. */
export function demoBody(batch: DemoBatch, where: { systemName: string; origin: string; webhook: string }) {
  return {
    systemName: where.systemName,
    webhook: where.webhook,
    context: { from: 'demo' },
    [KINDS[batch.kind].plural]: batch.items.map(({ id, path }) => ({
      id,
      url: `${where.origin}/${path}`,
      fileName: path.slice(path.lastIndexOf('/') + 1),
      metadata: { title: `Sample ${id}` },
    })),
  };
}

/** What a status document says otherwise than it must, one sentence each. */
export function demoProblems(batch: DemoBatch, status: Readonly<Record<string, unknown>>): string[] {
  const { plural } = KINDS[batch.kind];
  const listed = status[plural];
  if (status['state'] !== 'success') return [`The ${plural} import must be success, it is ${String(status['state'])}`];
  if (!Array.isArray(listed)) return [`The status document has no ${plural}`];
  const entries = listed as readonly Readonly<Record<string, unknown>>[];
  return batch.items.flatMap(({ id, expected }) => {
    const entry = entries.find(({ externalId }) => externalId === id);
    const state = entry?.['state'] === 'imported' ? 'success' : entry?.['state'];
    const outcome = state === 'failed' ? entry?.['code'] : state;
    return outcome === expected ? [] : [`${id} must end as ${expected}, it ended as ${String(outcome)}`];
  });
}

/** The media ids in a status document. */
export function mediaIdsIn(kind: Kind, status: Readonly<Record<string, unknown>>): string[] {
  const listed = status[KINDS[kind].plural];
  const entries = Array.isArray(listed) ? (listed as readonly Readonly<Record<string, unknown>>[]) : [];
  return entries.flatMap((entry) => {
    const holder = kind === 'file' ? entry : (entry[kind] as Readonly<Record<string, unknown>> | undefined);
    const mediaId = holder?.['mediaId'];
    return typeof mediaId === 'string' ? [mediaId] : [];
  });
}
