import { describe, expect, it } from '@jest/globals';
import { readRepoFile, section, tableRows } from './markdown.js';

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

describe('README.md', () => {
  const readme = readRepoFile('README.md');
  const { dependencies, scripts, engines } = JSON.parse(readRepoFile('package.json')) as Package;

  it('gives a reason for every dependency, and for no other', () => {
    const cells = tableRows(section(readme, 'Dependencies')).map((row) => String(row[0]));
    const named = cells.flatMap((cell) => cell.split(',').map((name) => name.replaceAll('`', '').trim()));
    expect(named.sort()).toEqual(Object.keys(dependencies).sort());
  });

  it('fits four screens of 50 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(200);
  });

  it('asks for the Node version that package.json asks for', () => {
    expect(readme).toContain(`${engines.node.replace('>=', '')} at least`);
  });

  it.each(['README.md', 'CONTRIBUTING.md', 'docs/operations.md'])('names only scripts that exist in %s', (page) => {
    const named = [...readRepoFile(page).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map((match) => String(match[1]));
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
