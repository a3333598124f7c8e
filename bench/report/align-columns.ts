/** Rows of cells two spaces apart; the first columns to the left, the others to the right, no space at an end. */
export function alignColumns(rows: readonly (readonly string[])[], leftColumns = 1): string {
  const widths = rows.reduce<readonly number[]>(
    (known, row) =>
      Array.from({ length: Math.max(known.length, row.length) }, (_, column) =>
        Math.max(known[column] ?? 0, row[column]?.length ?? 0),
      ),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < leftColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
