/** A Markdown table with its columns aligned, as Prettier writes it: words to the left, all that is a number to the right. */
export function markdownTable(titles: readonly string[], content: readonly (readonly string[])[]): string {
  const escaped = (cells: readonly string[]): string[] => cells.map((cell) => cell.replaceAll('|', '\\|'));
  const head = escaped(titles);
  const rows = content.map(escaped);
  const isNumeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^(?:–|[-\d].*)?$/.test(row[column] ?? '')),
  );
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? '';
      return isNumeric[column] === true ? cell.padStart(width) : cell.padEnd(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, column) =>
    isNumeric[column] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
