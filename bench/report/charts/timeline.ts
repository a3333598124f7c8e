import type { Timeline } from '../../analysis/timeline.ts';
import type { RunResult, SliceResult } from '../../model.ts';
import { formatPlural, formatTick } from '../numbers.ts';
import type { Chart } from './chart.ts';
import { armClass, legend } from './legend.ts';
import { linearScale, logScale, type Scale } from './scale.ts';
import { line, tag, text, through, widthOf, type XY } from './svg.ts';
import { shortNames, timelineGround, timelineKeys } from './timeline-ground.ts';
import { layOut, type TimelineLayout } from './timeline-layout.ts';
import { type Panel, type PanelLine, timelinePanels } from './timeline-panels.ts';

const plotHeight = 84;
const panelHeight = plotHeight + 30;

/** What happened over time, one row for each quantity above the other; null without a finished slice. */
export function timelineChart(result: RunResult, timeline: Timeline, width: number): Chart | null {
  if (timeline.slices.length === 0) return null;
  const arms = result.arms.map(({ name }) => name);
  const armOf = (slice: number): number => arms.indexOf(timeline.slices[slice]?.arm ?? '');
  const resultOf = resultsBySlice(result, timeline);
  const layout = layOut(timeline, 44, width - 2);
  const panels = timelinePanels(result)
    .map((panel) => ({ panel, lines: panel.lines.filter((one) => hasAnything(one, panel)) }))
    .filter(({ lines }) => lines.length > 0);
  const names = shortNames(arms, layout);
  const faults = resultOf.map((slice) => slice?.faults ?? []);
  const keys = legend(timelineKeys(arms, names, faults.flat().length > 0), 0, 14, width);
  const stripY = keys.height + 8;
  const top = stripY + 30;
  const bottom = top + panels.length * panelHeight;

  function hasAnything({ subject, ofSlice }: PanelLine, { measure }: Panel): boolean {
    const observed = timeline.series.some((one) => one.measure === measure && one.subject === subject);
    return observed || resultOf.some((slice) => slice !== undefined && ofSlice(slice) !== null);
  }

  const drawPanel = ({ panel, lines }: (typeof panels)[number], index: number): string => {
    const plotTop = top + index * panelHeight + 22;
    const series = lines.map((one) => ({
      ...one,
      points:
        timeline.series.find((s) => s.measure === panel.measure && s.subject === one.subject)?.points ?? [],
      whole: resultOf.map((slice) => (slice === undefined ? null : one.ofSlice(slice))),
    }));
    const values = series.flatMap(({ points, whole }) => [
      ...points.map(({ value }) => value),
      ...whole.filter((value) => value !== null),
    ]);
    const y = scaleFor(panel, values, plotTop);
    return [
      text(0, plotTop - 8, panel.title, { class: 'strong small' }),
      series.length > 1 ? styleNotes(panel, series, width, plotTop - 8) : '',
      ...y.ticks.map(
        (tick) =>
          line(44, y.at(tick), width - 2, y.at(tick), { class: 'grid' }) +
          text(38, y.at(tick) + 4, formatTick(tick), { class: 'end muted small' }),
      ),
      levelLine(panel, y, width),
      ...layout.spans.map((_, slice) =>
        tag(
          'g',
          { class: armClass(armOf(slice)) },
          ...series.map(({ points, whole, style }) => {
            const inside = points.filter((point) => point.slice === slice);
            const path = inside.map(({ atMs, value }): XY => [layout.x(slice, atMs), y.at(value)]);
            const fine = path.length < 2 ? '' : tag('path', { d: through(path), class: `fine ${style}` });
            return fine + wholeSlice(layout, slice, whole[slice] ?? null, y, style);
          }),
        ),
      ),
    ].join('');
  };

  const body = [
    keys.svg,
    timelineGround(timeline, layout, arms, names, faults, stripY, bottom),
    ...panels.map(drawPanel),
  ];
  const blocks = new Set(timeline.slices.map(({ block }) => block)).size;
  return {
    id: 'timeline',
    title: 'Throughput, P95, CPU and lag over time',
    description: `${formatPlural(timeline.slices.length, 'measured slice')} of ${formatPlural(blocks, 'block')} in the order in which they were measured, without the time between them. ${panels.map(({ panel, lines }) => `${panel.title}: ${lines.map(({ subject }) => subject).join(', ')}.`).join(' ')}`,
    width,
    height: bottom + 22,
    body: body.join(''),
  };
}

function resultsBySlice(result: RunResult, { slices }: Timeline): readonly (SliceResult | undefined)[] {
  return slices.map(({ arm, block, kind }) =>
    result.arms
      .find(({ name }) => name === arm)
      ?.slices.find((slice) => slice.block === block && slice.kind === kind),
  );
}

/** Lag below a millisecond is as good as none, and one replayed at once has no logarithm. */
function scaleFor({ scale, measure, level }: Panel, values: readonly number[], top: number): Scale {
  const range = [top + plotHeight, top] as const;
  if (scale === 'linear') return linearScale([...values, level ?? 0], range, 3);
  return logScale(values, range, measure === 'lag' ? 1 : 0);
}

function wholeSlice(
  { spans }: TimelineLayout,
  slice: number,
  value: number | null,
  y: Scale,
  style: string,
): string {
  const span = spans[slice];
  if (value === null || span === undefined) return '';
  return line(span.from + 0.5, y.at(value), span.to - 0.5, y.at(value), { class: `line ${style}` });
}

function levelLine({ level }: Panel, y: Scale, width: number): string {
  if (level === undefined) return '';
  return line(44, y.at(level), width - 2, y.at(level), { class: 'axis dash' });
}

/** Which line is which, in words at the right of a row's title. */
function styleNotes(panel: Panel, lines: readonly PanelLine[], width: number, y: number): string {
  const words = [...new Set(lines.map(({ style }) => style))].map((style) => {
    const own = lines.filter((one) => one.style === style).map(({ subject }) => subject);
    const subjects = own.length > 2 ? `${own[0]} to ${own.at(-1)}` : own.join(', ');
    return `${style === 'plain' ? '—' : '- -'} ${subjects}`;
  });
  const note = words.join('   ');
  const room = width - widthOf(panel.title, 12) - 20;
  return widthOf(note, 11) > room ? '' : text(width - 2, y, note, { class: 'end muted small' });
}
