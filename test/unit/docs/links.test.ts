import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { markdownFiles, readRepoFile, ROOT } from './markdown.js';

/** Targets of Markdown links outside of code blocks. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => String(match[1]));
}

/** How a heading is named in a link: lower case, without punctuation, hyphens for spaces. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map((match) =>
    String(match[1])
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

function isBroken(page: string, link: string): boolean {
  if (/^(https?|mailto):/.test(link)) return false;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && target.endsWith('.md') && !anchorsOf(readRepoFile(target)).includes(anchor);
}

/** Paths of this repository that prose names in code marks, such as `src/config.ts`. */
function namedPathsOf(markdown: string): string[] {
  const roots = 'src|workflows|activities|test|docs|deploy|tools|bench|samples';
  const pattern = new RegExp(`\`((?:${roots})/[\\w./-]*[\\w/-])\``, 'g');
  return [...markdown.matchAll(pattern)].map((match) => String(match[1]));
}

describe('the pages of the project', () => {
  const pages = markdownFiles();

  it.each(pages)('%s links to files and headings that exist', (page) => {
    expect(linksOf(readRepoFile(page)).filter((link) => isBroken(page, link))).toEqual([]);
  });

  it.each(pages)('%s names only files and folders that exist', (page) => {
    const missing = namedPathsOf(readRepoFile(page)).filter((path) => !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });
});
