import { formatChange } from '../numbers.ts';
import type { Chart } from './chart.ts';
import { armClass, pointMark } from './legend.ts';
import { escapeXml, hint, line, tag, text, tickLabel, widthOf } from './svg.ts';

export interface ForestRow {
  readonly label: string;
  /** Ratio to no change: 1.12 is 12 % more. */
  readonly ratio: number;
  readonly low: number | null;
  readonly high: number | null;
  /** The numbers in words, beside the picture. */
  readonly text: string;
  /** Whether the interval shows a difference; drawn filled. */
  readonly shown: boolean;
  /** What was concluded, in a word or two. */
  readonly word: string;
  /** Of a gate: how much is too little to fail, and how much must not pass. As ratios, above 1. */
  readonly margins?: { readonly minEffect: number; readonly tolerance: number };
}

export interface Forest {
  readonly id: string;
  readonly title: string;
  readonly rows: readonly ForestRow[];
  /** What is to the left and to the right of no change. */
  readonly sides: readonly [left: string, right: string];
  /** Whose colour it has. */
  readonly arm: number;
}

/** Further than this nothing is drawn: an arrow says that it goes on. */
const most = 20;
const rowHeight = 26;

/** Each ratio with its interval on one logarithmic axis; null without a row. */
export function forestChart(forest: Forest, width: number): Chart | null {
  const { rows } = forest;
  if (rows.length === 0) return null;
  const stacked = width < 560;
  const labels = stacked ? 8 : Math.max(...rows.map(({ label }) => widthOf(label))) + 16;
  const texts = stacked ? 8 : Math.max(...rows.map((row) => widthOf(row.text) + widthOf(row.word) + 28));
  const [from, to] = [labels, width - texts];
  const height = rows.length * (rowHeight + (stacked ? 16 : 0));
  const top = 8;
  const at = axis(rows, from, to);
  const body = [
    tag(
      'g',
      {},
      ...ticks(rows, at, to - from).map((ratio) => tick(at(ratio), top, top + height, ratio, width)),
    ),
    tag('g', { class: armClass(forest.arm) }, ...rows.map((row, index) => drawRow(row, index))),
    sides(forest.sides, at(1), from, to, top + height + 34),
  ];

  function drawRow(row: ForestRow, index: number): string {
    const y = top + index * (height / rows.length);
    const lineY = stacked ? y + 28 : y + rowHeight / 2;
    const beside = stacked
      ? [label(row, y + 13), text(width, y + 13, row.text, { class: 'small end halo' })]
      : [
          text(0, lineY + 4, row.label),
          text(to + 16, lineY + 4, row.text),
          text(width, lineY + 4, row.word, { class: row.shown ? 'end strong' : 'end muted' }),
        ];
    return tag(
      'g',
      {},
      hint(`${row.label}: ${row.text}, ${row.word}`),
      bands(row, lineY),
      whisker(row, lineY),
      ...beside,
    );
  }

  /** The label and, where there is a place for it before the numbers, the word. */
  function label(row: ForestRow, y: number): string {
    const fits = widthOf(row.label + row.word, 12) + 24 <= width - widthOf(row.text, 11);
    const name = tag('tspan', { class: 'strong' }, escapeXml(row.label));
    const word = fits ? tag('tspan', { class: 'muted', dx: 6 }, escapeXml(row.word)) : '';
    return tag('text', { x: 0, y, class: 'small halo' }, name, word);
  }

  function bands({ margins }: ForestRow, y: number): string {
    if (margins === undefined) return '';
    const [none, least, worst] = [at(1), at(1 + margins.minEffect), at(1 + margins.tolerance)];
    return [
      tag('rect', { x: none, y: y - 8, width: least - none, height: 16, class: 'ground-2' }),
      tag('rect', { x: least, y: y - 8, width: worst - least, height: 16, class: 'ground' }),
      line(worst, y - 9, worst, y + 9, { class: 'zero' }),
    ].join('');
  }

  function whisker({ ratio, low, high, shown }: ForestRow, y: number): string {
    const ends = low === null || high === null ? '' : interval(at(low), at(high), y, low, high);
    return ends + pointMark(at(ratio), y, forest.arm, shown, 4.5);
  }

  return {
    id: forest.id,
    title: forest.title,
    description: rows.map((row) => `${row.label}: ${row.text}, ${row.word}.`).join(' '),
    width,
    height: top + height + 44,
    body: body.join(''),
  };
}

function interval(from: number, to: number, y: number, low: number, high: number): string {
  const end = (x: number, open: boolean, outward: number): string =>
    open
      ? tag('path', {
          d: `M${x - outward * 6} ${y - 4}L${x} ${y}L${x - outward * 6} ${y + 4}`,
          class: 'line',
        })
      : line(x, y - 4, x, y + 4, { class: 'line' });
  return line(from, y, to, y, { class: 'line' }) + end(from, low < 1 / most, -1) + end(to, high > most, 1);
}

function axis(rows: readonly ForestRow[], from: number, to: number): (ratio: number) => number {
  const [low, high] = bounds(rows);
  const length = Math.log(high / low);
  return (ratio) => {
    const clamped = Math.min(high, Math.max(low, ratio));
    return Number((from + (Math.log(clamped / low) / length) * (to - from)).toFixed(1));
  };
}

function bounds(rows: readonly ForestRow[]): readonly [number, number] {
  const seen = rows.flatMap(({ ratio, low, high, margins }) => [
    ratio,
    low ?? ratio,
    high ?? ratio,
    margins === undefined ? 1 : 1 + margins.tolerance,
  ]);
  const within = seen.map((ratio) => Math.min(most, Math.max(1 / most, ratio)));
  const [low, high] = [Math.min(1 / 1.02, ...within), Math.max(1.02, ...within)];
  const margin = (high / low) ** 0.04;
  return [low / margin, high * margin];
}

/** Changes that people think in, the most wanted first: the others are for where there is room. */
const ofPercents = (...percents: readonly number[]): readonly number[] =>
  percents.map((one) => 1 + one / 100);
const far = ofPercents(0, 100, -50, 400, -80, 900, -90, 1900, -95, 200, 50, -20, 20);
const near = ofPercents(0, 10, -10, 20, -20, 5, -5, 50, -30, 30, 2, -2, 1, -1, 15, -15);

function ticks(rows: readonly ForestRow[], at: (ratio: number) => number, pixels: number): readonly number[] {
  const [low, high] = bounds(rows);
  // Wide enough apart for their labels, and the further from no change the rounder.
  const wanted = Math.log(high / low) > 1 ? far : near;
  const kept: number[] = [];
  for (const ratio of wanted.filter((candidate) => candidate >= low && candidate <= high)) {
    const apart = kept.every((other) => Math.abs(at(other) - at(ratio)) >= Math.min(58, pixels / 3));
    if (apart) kept.push(ratio);
  }
  return kept;
}

function tick(x: number, top: number, bottom: number, ratio: number, width: number): string {
  return (
    line(x, top, x, bottom, { class: ratio === 1 ? 'zero' : 'grid' }) +
    tickLabel(x, bottom + 16, ratio === 1 ? '0 %' : formatChange(ratio).replace('.0', ''), [0, width])
  );
}

function sides([left, right]: Forest['sides'], zero: number, from: number, to: number, y: number): string {
  // Words that do not fit beside the line would lie on each other.
  const fits = (words: string, room: number): boolean => widthOf(words, 11) < room - 8;
  return (
    (fits(left, zero - from) ? text(zero - 8, y, `← ${left}`, { class: 'end muted small' }) : '') +
    (fits(right, to - zero) ? text(zero + 8, y, `${right} →`, { class: 'muted small' }) : '')
  );
}
