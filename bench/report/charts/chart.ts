import { escapeXml, tag } from './svg.ts';

/** A picture as text, drawn for one width. Pure: the same data give the same characters. */
export interface Chart {
  /** Also the name of its file. */
  readonly id: string;
  readonly title: string;
  /** What a person sees in it, in words, for those who do not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

/** Widths, in pixels, that charts are drawn for: a page, half of one, a telephone. */
export const widths = { wide: 920, half: 448, narrow: 352 } as const;

/** For a page that has {@link chartStyle}; `suffix` keeps the ids of two drawings of one chart apart. */
export function inlineSvg(chart: Chart, suffix = ''): string {
  const [title, description] = [`chart-${chart.id}${suffix}-title`, `chart-${chart.id}${suffix}-desc`];
  return svg(
    chart,
    { role: 'img', 'aria-labelledby': `${title} ${description}` },
    tag('title', { id: title }, escapeXml(chart.title)),
    tag('desc', { id: description }, escapeXml(chart.description)),
  );
}

/** A file of its own, in the colours of whoever looks at it. */
export function standaloneSvg(chart: Chart): string {
  const style = `${themeStyle('svg')}svg{background:var(--paper)}${chartStyle}`;
  return `${svg(
    chart,
    { xmlns: 'http://www.w3.org/2000/svg', width: chart.width, height: chart.height, role: 'img' },
    tag('title', {}, escapeXml(chart.title)),
    tag('desc', {}, escapeXml(chart.description)),
    `<style>${style}</style>`,
  )}\n`;
}

/**
 * Colours for day and night; `root` is what they apply to. Arms are blue and vermilion, after Okabe and Ito:
 * told apart by every kind of eye, and on paper by their lightness.
 */
export function themeStyle(root: string): string {
  const write = (theme: Readonly<Record<string, string>>): string =>
    Object.entries(theme)
      .map(([name, value]) => `--${name}:${value}`)
      .join(';');
  return `${root}{color-scheme:light dark;${write(light)}}@media (prefers-color-scheme:dark){${root}{${write(dark)}}}@media print{${root}{${write(light)}}}`;
}

/** How charts look, by the variables of {@link themeStyle}. */
export const chartStyle =
  'svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;fill:var(--ink)}' +
  'svg .small{font-size:11px}svg .strong{font-weight:600}svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}svg .muted{fill:var(--muted)}svg text.end{text-anchor:end}svg text.middle{text-anchor:middle}' +
  'svg .grid{stroke:var(--rule);stroke-width:1}svg .axis{stroke:var(--muted);stroke-width:1}svg .zero{stroke:var(--ink);stroke-width:1}' +
  '.arm-0{color:var(--arm-0)}.arm-1{color:var(--arm-1)}.arm-2{color:var(--arm-2)}.arm-3{color:var(--arm-3)}' +
  'svg .line{fill:none;stroke:currentColor;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}' +
  'svg .fine{fill:none;stroke:currentColor;stroke-width:1;stroke-linejoin:round;opacity:.75}svg .dash{stroke-dasharray:4 3}svg .dot{stroke-dasharray:1 3}' +
  'svg .fill{fill:currentColor}svg .hollow{fill:var(--paper);stroke:currentColor;stroke-width:1.75}' +
  'svg .faint{fill:currentColor;stroke:none;opacity:.08}svg .light{fill:currentColor;stroke:none;opacity:.18}svg .mid{fill:currentColor;stroke:none;opacity:.38}svg .deep{fill:currentColor;stroke:none;opacity:.62}' +
  'svg .fault{fill:var(--bad);stroke:none;opacity:.16}svg .ground{fill:var(--shade)}svg .ground-2{fill:var(--rule)}';

const light = {
  paper: '#ffffff',
  ink: '#1b1f24',
  muted: '#59636e',
  rule: '#dde2e8',
  shade: '#f4f6f8',
  'arm-0': '#0a5590',
  'arm-1': '#d55e00',
  'arm-2': '#00755a',
  'arm-3': '#9a3f86',
  good: '#1a6b3c',
  bad: '#b3261e',
  doubt: '#8a5a00',
};
const dark = {
  paper: '#14171b',
  ink: '#e7eaee',
  muted: '#9ba6b2',
  rule: '#2d343c',
  shade: '#1c2127',
  'arm-0': '#62b4ec',
  'arm-1': '#f39a57',
  'arm-2': '#3fc6a0',
  'arm-3': '#dd8fcb',
  good: '#6fcf97',
  bad: '#ff8a80',
  doubt: '#f2c14e',
};

function svg(chart: Chart, attributes: Readonly<Record<string, string | number>>, ...head: string[]): string {
  return tag(
    'svg',
    { ...attributes, viewBox: `0 0 ${chart.width} ${chart.height}`, class: 'chart' },
    ...head,
    chart.body,
  );
}
