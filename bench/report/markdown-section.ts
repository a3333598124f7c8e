import { type Block, headOf, type Section, type Table } from './section.ts';

/** A section in GitHub-flavoured Markdown, its pictures first; '' of none. */
export function markdownSection(section: Section | null, pictures: readonly string[] = []): string {
  if (section === null) return '';
  return [`## ${section.title}`, ...pictures, ...section.blocks.map(markdownBlock)].join('\n\n');
}

export function markdownBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return block.text;
    case 'list':
      return block.items.map((item) => `- ${item}`).join('\n');
    case 'code': {
      const fence = fenceAround(block.text);
      return `${fence}${block.language}\n${block.text}\n${fence}`;
    }
    case 'table':
      return markdownTable(block);
  }
}

/** Longer than every run of backticks inside, so that no text can end its own block. */
function fenceAround(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(([run]) => run.length);
  return '`'.repeat(Math.max(2, ...runs) + 1);
}

/** Text from outside (names, messages of errors) must not break the table or become markup. */
export function escapeCell(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
}

function markdownTable({ columns, rows }: Table): string {
  const rule = columns.map((column) => (typeof column === 'string' ? '---' : '---:'));
  return [columns.map(headOf), rule, ...rows]
    .map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`)
    .join('\n');
}
