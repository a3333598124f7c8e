import type { RunView } from '../analysis/run-view.ts';
import { standaloneSvg } from './charts/chart.ts';
import { runCharts } from './charts/run-charts.ts';
import { renderJson } from './json.ts';
import { type Picture, renderMarkdown } from './markdown.ts';
import { renderPage } from './page/page.ts';

export interface ReportFile {
  /** Below the run's folder, `/` between its parts. */
  readonly path: string;
  readonly text: string;
}

/** All that is made of a run by analysis alone: the figures, and the same figures in words and pictures. */
export function renderFiles(view: RunView): readonly ReportFile[] {
  return [{ path: 'result.json', text: renderJson(view.result) }, ...renderReport(view, 'report', 'charts')];
}

/** A report as Markdown and as a page, with the pictures that both have in files beside them. */
export function renderReport(view: RunView, name: string, folder: string): readonly ReportFile[] {
  const charts = runCharts(view);
  const pictures: readonly Picture[] = charts.map(({ id, title }) => ({
    id,
    title,
    path: `${folder}/${id}.svg`,
  }));
  return [
    { path: `${name}.md`, text: renderMarkdown(view.result, pictures) },
    { path: `${name}.html`, text: renderPage(view) },
    ...charts.map(({ id, wide }) => ({ path: `${folder}/${id}.svg`, text: standaloneSvg(wide) })),
  ];
}
