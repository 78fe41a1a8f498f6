/**
 * Puts `content` between `<!-- <name> -->` and `<!-- /<name> -->`, each on a line of its own.
 * @throws Error when the page does not have both
 */
export function replaceBlock(page: string, name: string, content: string): string {
  const begin = `<!-- ${name} -->\n`;
  const end = `\n<!-- /${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`The page has no block ${name}`);
  return `${page.slice(0, from + begin.length)}\n${content.trim()}\n${page.slice(to)}`;
}
