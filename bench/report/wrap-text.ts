/** Stands for the space before a percent sign, where a line must not end. */
const glue = '\u00a0';

/** Breaks text at spaces into lines of at most `width` columns; later lines are indented. */
export function wrapText(text: string, width: number, indent = 0): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replaceAll(' %', `${glue}%`).split(/[ \n]+/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= width || line.trim() === '') {
      line = longer;
      continue;
    }
    lines.push(line);
    line = ' '.repeat(indent) + word;
  }
  return [...lines, line].join('\n').replaceAll(glue, ' ');
}
