/** What a reader of the page sees, read from its text: only for the regular HTML that we write ourselves. */
export interface SeenTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One section of a page, by its id. */
export function sectionOf(html: string, id: string): string {
  const found = new RegExp(`<section id="${id}"[\\s\\S]*?</section>`).exec(html)?.[0];
  if (found === undefined) throw new Error(`the page has no section ${id}`);
  return found;
}

export function tablesOf(html: string): readonly SeenTable[] {
  return [...html.matchAll(/<table[^>]*>([\s\S]*?)<\/table>/g)].map(([, inside = '']) => {
    const rows = [...inside.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, cells = '']) =>
      [...cells.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) => textOf(cell)),
    );
    return inside.startsWith('<thead') ? { heads: rows[0] ?? [], rows: rows.slice(1) } : { heads: [], rows };
  });
}

/** Of a `<dl>` of tiles: the label and the lines under it. */
export function tilesOf(html: string): readonly (readonly string[])[] {
  return [...html.matchAll(/<div class="tile">([\s\S]*?)<\/div>/g)].map(([, inside = '']) =>
    [...inside.matchAll(/<d[td][^>]*>([\s\S]*?)<\/d[td]>/g)].map(([, line = '']) => textOf(line)),
  );
}

export function textOf(html: string): string {
  return html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
    .trim();
}

/** All numbers in a text, as a person reads them: thousands apart, a real minus sign. */
export function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(/[-+\u2212]?\d[\d,]*(?:\.\d+)?/g)].map(([found]) =>
    Number(found.replaceAll(',', '').replace('\u2212', '-')),
  );
}

export function embeddedResult(html: string): unknown {
  const text = /<script type="application\/json" id="result">([\s\S]*?)<\/script>/.exec(html)?.[1];
  if (text === undefined) throw new Error('the page has no result inside');
  return JSON.parse(text);
}
