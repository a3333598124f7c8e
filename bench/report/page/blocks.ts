import { type Block, type Column, headOf, type Section, type Table } from '../section.ts';
import { element, inline, plain } from './html.ts';

/** A section of the page; `pictures` follow its heading. */
export function sectionHtml(section: Section | null, pictures = ''): string {
  if (section === null) return '';
  return element(
    'section',
    { id: section.id, 'aria-labelledby': `${section.id}-title` },
    element('h2', { id: `${section.id}-title` }, plain(section.title)),
    pictures,
    ...section.blocks.map(blockHtml),
  );
}

export function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return element('p', {}, inline(block.text));
    case 'list':
      return element('ul', {}, ...block.items.map((item) => element('li', {}, inline(item))));
    case 'code':
      return element('pre', { tabindex: '0' }, element('code', {}, plain(block.text)));
    case 'table':
      return tableHtml(block);
  }
}

/** From so many rows on it is worth sorting. */
const sortableFrom = 3;
const shortText = 24;
const longText = 48;

function tableHtml({ columns, rows }: Table): string {
  const headless = columns.every((column) => headOf(column) === '');
  const sortable = !headless && rows.length >= sortableFrom;
  const head = headless
    ? ''
    : element('thead', {}, element('tr', {}, ...columns.map((column) => headCell(column, sortable))));
  const body = rows.map((cells) =>
    element('tr', {}, ...cells.map((cell, index) => cellHtml(cell, columns[index] ?? '', index))),
  );
  // A box that scrolls by itself must be reachable by keys.
  return element(
    'div',
    {
      class: 'scroll',
      tabindex: '0',
      role: 'group',
      'aria-label': headless ? 'table' : headOf(columns[0] ?? '') || 'table',
    },
    element('table', headless ? { class: 'facts' } : {}, head, element('tbody', {}, ...body)),
  );
}

function headCell(column: Column, sortable: boolean): string {
  const head = headOf(column);
  const inside = sortable && head !== '' ? element('button', { type: 'button' }, inline(head)) : inline(head);
  return element('th', { scope: 'col', class: isNumeric(column) ? 'number' : undefined }, inside);
}

function cellHtml(cell: string, column: Column, index: number): string {
  // A few words are not worth a second line, and a sentence is no column of single words.
  const length =
    cell.length <= shortText ? { class: 'short' } : cell.length >= longText ? { class: 'long' } : {};
  if (index === 0) return element('th', { scope: 'row', ...length }, judged(cell));
  if (!isNumeric(column)) return element('td', length, judged(cell));
  const bar = typeof column === 'string' || column.of === undefined ? null : shareOf(cell, column.of);
  if (bar === null) return element('td', { class: 'number' }, inline(cell));
  return element('td', { class: 'number bar', style: `--share:${bar}` }, inline(cell));
}

const marks: Readonly<Record<string, { readonly mark: string; readonly tone: string }>> = {
  pass: { mark: '✓', tone: 'good' },
  fail: { mark: '✗', tone: 'bad' },
  inconclusive: { mark: '?', tone: 'doubt' },
  invalid: { mark: '✗', tone: 'bad' },
  warning: { mark: '!', tone: 'doubt' },
  better: { mark: '✓', tone: 'good' },
  worse: { mark: '✗', tone: 'bad' },
};

/** A judgement has a mark and a colour, and its word all the same. */
export function judged(cell: string): string {
  const found = marks[cell];
  if (found === undefined) return inline(cell);
  return `<span class="judged ${found.tone}"><span aria-hidden="true">${found.mark}</span> ${plain(cell)}</span>`;
}

function isNumeric(column: Column): boolean {
  return typeof column !== 'string';
}

/** Of the bar's full length, 0..1; null of what is no number. */
function shareOf(cell: string, full: number): string | null {
  const value = Number(cell.replaceAll(',', ''));
  return Number.isFinite(value) ? String(Number(Math.min(1, value / full).toFixed(3))) : null;
}
