/** A column: its head, and whether its cells are numbers. */
export type Column = string | { readonly head: string; readonly align: 'right' };

/** A GitHub-flavoured Markdown table; '' without rows, so that no empty table is ever printed. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const head = columns.map((column) => (typeof column === 'string' ? column : column.head));
  const rule = columns.map((column) => (typeof column === 'string' ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n');
}

/** A column of numbers. */
export function right(head: string): Column {
  return { head, align: 'right' };
}

/** Text from outside (names, messages of errors) must not break the table or become markup. */
export function escapeCell(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
}
