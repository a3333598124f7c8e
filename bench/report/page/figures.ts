import { inlineSvg } from '../charts/chart.ts';
import type { RunChart } from '../charts/run-charts.ts';
import { element, plain } from './html.ts';

/** Some of the pictures, those that there are, beside each other where there is room. */
export function figuresHtml(charts: readonly RunChart[], ids: readonly string[], notes: Notes = {}): string {
  const found = ids.flatMap((id) => charts.find((chart) => chart.id === id) ?? []);
  if (found.length === 0) return '';
  return element(
    'div',
    { class: found.length > 1 ? 'pair' : undefined },
    ...found.map((chart) => figure(chart, notes[chart.id])),
  );
}

/** What has to be known to read a picture, by its id. */
export type Notes = Readonly<Record<string, string>>;

function figure({ title, wide, narrow }: RunChart, note: string | undefined): string {
  const drawings =
    narrow === null
      ? inlineSvg(wide)
      : element('div', { class: 'wide' }, inlineSvg(wide)) +
        element('div', { class: 'narrow' }, inlineSvg(narrow, '-narrow'));
  const caption = element('strong', {}, `${plain(title)}.`) + (note === undefined ? '' : ` ${plain(note)}`);
  return element('figure', {}, drawings, element('figcaption', {}, caption));
}
