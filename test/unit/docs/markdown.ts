import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** A file of the repository as text. */
export function readRepoFile(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Every Markdown page of the project, as paths from its root. */
export function markdownFiles(): string[] {
  const inFolder = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
  const atRoot = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...atRoot, ...inFolder('docs'), ...inFolder('samples')];
}

/** The section under a heading of level 2, without the heading. */
export function section(markdown: string, heading: string): string {
  const part = `\n${markdown}`.split(/\n## /).find((text) => text.startsWith(`${heading}\n`));
  if (part === undefined) throw new Error(`There is no section "${heading}"`);
  return part.slice(heading.length);
}

/** The body rows of every table, cells trimmed, code marks around a whole cell dropped. */
export function tableRows(markdown: string): string[][] {
  const lines = markdown.split('\n');
  return lines
    .filter((line, index) => line.startsWith('|') && !isRule(line) && !isRule(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
    );
}

function isRule(line: string): boolean {
  return /^\|[\s:|-]+\|\s*$/.test(line);
}
