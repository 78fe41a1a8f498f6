import type { Kind } from '../api/types.js';
import type { ParsedLine } from './parse.js';

/** One line of the table: an item as it would be sent, and what is wrong with it by field. */
export interface Row {
  readonly key: number;
  readonly line: number;
  readonly url: string;
  readonly id: string;
  readonly fileName: string;
  readonly mediaType: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly kind: Kind;
  /** Sentences by field: `url`, `id`, `fileName`, `mediaType`, `metadata`, or `line` for all of it. */
  readonly problems: Readonly<Record<string, string>>;
  /** Whether the service has looked at it as it is now. */
  readonly isChecked: boolean;
}

const EXTENSIONS: Readonly<Record<'video' | 'image', RegExp>> = {
  video: /\.(?:mp4|m4v|mov|webm|mkv|avi|mpe?g|ogv|wmv|flv|mxf|m2ts|3gp)$/i,
  image: /\.(?:jpe?g|png|gif|webp|avif|svg)$/i,
};

/** What an address most probably leads to, by its extension; a file is what fits everything. */
export function kindOf(url: string): Kind {
  const path = pathOf(url);
  if (EXTENSIONS.video.test(path)) return 'video';
  return EXTENSIONS.image.test(path) ? 'image' : 'file';
}

/** An address with the repair that is most probably meant; null when there is none to propose. */
export function repairedUrl(url: string): string | null {
  const trimmed = url.trim().replaceAll(/[\u200b\ufeff\u00ad]/g, '');
  if (/^\/\/[^/]/.test(trimmed)) return `https:${trimmed}`;
  if (/^(?:[a-z0-9-]+\.)+[a-z]{2,}(?:\/|$)/i.test(trimmed)) return `https://${trimmed}`;
  if (/^(?:htps?|hhtps?|htttps?|https?):?\/*(?=[a-z0-9])/i.test(trimmed) && !/^https?:\/\/[^/]/i.test(trimmed))
    return trimmed.replace(/^h+t+p(s?):?\/*|^htps:?\/*/i, (_match, s: string | undefined) => `http${s ?? 's'}://`);
  return trimmed === url ? null : trimmed;
}

/** File name and id for lines that have none. Ids are unique among the lines; the same text gives the same ones again. */
export function propose(lines: readonly ParsedLine[]): Row[] {
  const taken = new Set(lines.flatMap(({ id }) => (id === null ? [] : [id])));
  return lines.map((line, key) => {
    const fileName = line.fileName ?? fileNameOf(line.url);
    const id = line.id ?? freeId(line.url, taken);
    taken.add(id);
    const { url, mediaType, metadata, unreadable } = line;
    return {
      ...{ key, line: line.line, url, id, fileName, mediaType, metadata, kind: kindOf(url) },
      problems: unreadable === undefined ? {} : { line: unreadable },
      isChecked: unreadable !== undefined,
    };
  });
}

/** The last part of the path, decoded; the host where there is none. */
function fileNameOf(url: string): string {
  const parts = partsOf(url);
  return parts.at(-1) ?? '';
}

function freeId(url: string, taken: ReadonlySet<string>): string {
  const parts = partsOf(url)
    .map(slug)
    .filter((part) => part !== '');
  const own = (parts.pop() ?? 'item').replace(/\.[a-z0-9]{1,5}$/, '') || 'item';
  if (!taken.has(own)) return own;
  // Names like `original.jpg` are told apart by their folders, and only then by a number.
  let longer = own;
  for (const part of parts.reverse()) {
    longer = `${part}-${longer}`;
    if (!taken.has(longer)) return longer;
  }
  for (let number = 2; ; number += 1) if (!taken.has(`${own}-${number}`)) return `${own}-${number}`;
}

function slug(text: string): string {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}.]+/gu, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
}

/** Host and parts of the path, decoded, without query. */
function partsOf(url: string): string[] {
  const [, host = '', path = ''] = /^(?:[a-z][a-z0-9+.-]*:)?\/*([^/?#]*)([^?#]*)/i.exec(url.trim()) ?? [];
  const parts = path.split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return [host, ...parts].filter((part) => part !== '');
}

function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? '';
}
