/**
 * A part of a report as data, the same for every format. Text may hold `**strong**` words and `` `code` ``;
 * everything else in it is plain.
 */
export interface Section {
  /** Stable, for links: `lag`, `outcomes`. */
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
}

export type Block = Paragraph | Table | List | Code;

interface Paragraph {
  readonly kind: 'paragraph';
  readonly text: string;
}

interface List {
  readonly kind: 'list';
  readonly items: readonly string[];
}

interface Code {
  readonly kind: 'code';
  readonly language: string;
  readonly text: string;
}

export interface Table {
  readonly kind: 'table';
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** A column: its head, and whether its cells are numbers, of a hundred if they are a share. */
export type Column = string | { readonly head: string; readonly align: 'right'; readonly of?: 100 };

/** A section of what there is to say: empty blocks are left out, and null comes of nothing but those. */
export function section(id: string, title: string, blocks: readonly (Block | string)[]): Section | null {
  const full = blocks
    .map((block): Block => (typeof block === 'string' ? { kind: 'paragraph', text: block } : block))
    .filter((block) => !isEmpty(block));
  return full.length === 0 ? null : { id, title, blocks: full };
}

export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): Table {
  return { kind: 'table', columns, rows };
}

export function list(items: readonly string[]): List {
  return { kind: 'list', items };
}

export function code(language: string, text: string): Code {
  return { kind: 'code', language, text };
}

/** A column of numbers. */
export function right(head: string): Column {
  return { head, align: 'right' };
}

/** A column of percentages, which may be drawn as bars. */
export function percent(head: string): Column {
  return { head, align: 'right', of: 100 };
}

export function headOf(column: Column): string {
  return typeof column === 'string' ? column : column.head;
}

function isEmpty(block: Block): boolean {
  if (block.kind === 'table') return block.rows.length === 0;
  return block.kind === 'list' ? block.items.length === 0 : block.text === '';
}
