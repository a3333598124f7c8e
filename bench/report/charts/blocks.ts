import type { Timeline } from '../../analysis/timeline.ts';
import type { ArmResult, MetricId, RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { formatNumber, formatTick } from '../numbers.ts';
import type { Chart } from './chart.ts';
import { armClass, legend, pointMark } from './legend.ts';
import { logScale, type Scale } from './scale.ts';
import { hint, line, tag, text } from './svg.ts';

interface PanelMetric {
  readonly metric: MetricId;
  readonly title: string;
}

const usual: readonly PanelMetric[] = [
  { metric: 'read.qps', title: 'Read QPS (1/s)' },
  { metric: 'write.qps', title: 'Write QPS (1/s)' },
  { metric: 'read.p95Ms', title: 'P95 read (ms)' },
  { metric: 'write.p95Ms', title: 'P95 write (ms)' },
];

const gap = 20;
const maxPanel = 215;

/**
 * One point a block. With two arms, one against the other: whatever shifts both alike, as a slow machine
 * does, moves a point along the diagonal, and only a difference moves it away. With one arm, block by block.
 */
export function blockChart(result: RunResult, timeline: Timeline, width: number): Chart | null {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined) return null;
  const panels = metricsOf(result).filter(({ metric }) =>
    candidate === undefined
      ? (baseline.metrics[metric]?.perBlock.length ?? 0) > 0
      : pairs(baseline, candidate, metric).length > 0,
  );
  if (panels.length === 0) return null;
  const columns = Math.max(1, Math.min(panels.length, Math.floor((width + gap) / (150 + gap))));
  const size = Math.min(maxPanel, (width - gap * (columns - 1)) / columns);
  const keys =
    candidate === undefined
      ? { svg: '', height: 0 }
      : legend(orderKey(baseline, candidate, result), 0, 14, width);
  const height = size + 46;
  const firstOf = firstArms(timeline);
  const body = panels.map((panel, index) => {
    const x = (index % columns) * (size + gap);
    const y = keys.height + 4 + Math.floor(index / columns) * height;
    const inside =
      candidate === undefined
        ? singlePanel(panel, baseline, size)
        : pairPanel(panel, baseline, candidate, size, armNumber(result, candidate), firstOf);
    return tag('g', { transform: `translate(${Math.round(x)} ${Math.round(y)})` }, inside);
  });
  return {
    id: 'blocks',
    title:
      candidate === undefined
        ? `Block by block: ${baseline.name}`
        : `${candidate.name} against ${baseline.name}, block by block`,
    description: panels.map((panel) => describe(panel, baseline, candidate)).join(' '),
    width,
    height: keys.height + 4 + Math.ceil(panels.length / columns) * height,
    body: keys.svg + body.join(''),
  };
}

/** Of a gate, what it gates. */
function metricsOf({ gate, comparison }: RunResult): readonly PanelMetric[] {
  if (gate === undefined) return usual;
  return gate.rules.metrics.map(({ metric }) => {
    const unit = comparison.find((row) => row.metric === metric)?.unit ?? '';
    return (
      usual.find((one) => one.metric === metric) ?? {
        metric,
        title: unit === '' ? metric : `${metric} (${unit})`,
      }
    );
  });
}

interface Pair {
  readonly block: number;
  readonly before: number;
  readonly after: number;
}

function pairs(baseline: ArmResult, candidate: ArmResult, metric: MetricId): readonly Pair[] {
  return (baseline.metrics[metric]?.perBlock ?? []).flatMap(({ block, value }) => {
    const other = candidate.metrics[metric]?.perBlock.find((one) => one.block === block);
    return other === undefined ? [] : [{ block, before: value, after: other.value }];
  });
}

function pairPanel(
  { metric, title }: PanelMetric,
  baseline: ArmResult,
  candidate: ArmResult,
  size: number,
  arm: number,
  firstOf: ReadonlyMap<number, string>,
): string {
  const points = pairs(baseline, candidate, metric);
  const [left, top] = [36, 22];
  const values = points.flatMap(({ before, after }) => [before, after]);
  const y = logScale(values, [size, top]);
  const x = logScale(values, [left, size]);
  return [
    text(0, 12, title, { class: 'strong small' }),
    tag('rect', { x: left, y: top, width: size - left, height: size - top, class: 'ground' }),
    ...fewTicks(y).map((value) =>
      text(left - 5, y.at(value) + 4, formatTick(value), { class: 'end muted small' }),
    ),
    ...fewTicks(x).map((value) =>
      text(x.at(value), size + 14, formatTick(value), { class: 'middle muted small' }),
    ),
    line(left, size, size, top, { class: 'axis dash' }),
    text(size, size + 28, `${baseline.name} →`, { class: 'end muted small' }),
    text(left + 5, top + 13, `↑ ${candidate.name}`, { class: 'muted small' }),
    tag(
      'g',
      { class: armClass(arm) },
      ...points.map(({ block, before, after }) => {
        const first = firstOf.get(block);
        const words = `block ${block}: ${formatNumber(before)} and ${formatNumber(after)}${first === undefined ? '' : `, ${first} first`}`;
        return tag('g', {}, hint(words), pointMark(x.at(before), y.at(after), arm, first !== baseline.name));
      }),
    ),
  ].join('');
}

function singlePanel({ metric, title }: PanelMetric, arm: ArmResult, size: number): string {
  const points = arm.metrics[metric]?.perBlock ?? [];
  const [left, top] = [36, 22];
  const y = logScale(
    points.map(({ value }) => value),
    [size, top],
  );
  const numbers = points.map(({ block }) => block);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  const x = (block: number): number =>
    left + 10 + (last === first ? 0.5 : (block - first) / (last - first)) * (size - left - 20);
  return [
    text(0, 12, title, { class: 'strong small' }),
    tag('rect', { x: left, y: top, width: size - left, height: size - top, class: 'ground' }),
    ...fewTicks(y).map((value) =>
      text(left - 5, y.at(value) + 4, formatTick(value), { class: 'end muted small' }),
    ),
    ...[...new Set([first, last])].map((block) =>
      text(x(block), size + 14, String(block), { class: 'middle muted small' }),
    ),
    text(size, size + 28, 'block →', { class: 'end muted small' }),
    tag(
      'g',
      { class: armClass(0) },
      ...points.map(({ block, value }) =>
        tag(
          'g',
          {},
          hint(`block ${block}: ${formatNumber(value)}`),
          pointMark(x(block), y.at(value), 0, true),
        ),
      ),
    ),
  ].join('');
}

/** Labels of a small panel must not touch each other. */
function fewTicks({ ticks, at }: Scale): readonly number[] {
  const kept: number[] = [];
  for (const tick of ticks) {
    const last = kept.at(-1);
    if (last === undefined || Math.abs(at(tick) - at(last)) >= 34) kept.push(tick);
  }
  return kept;
}

function orderKey(
  baseline: ArmResult,
  candidate: ArmResult,
  result: RunResult,
): Parameters<typeof legend>[0] {
  const arm = armNumber(result, candidate);
  const mark = (filled: boolean): string => tag('g', { class: armClass(arm) }, pointMark(9, 0, arm, filled));
  const dash = line(0, 5, 18, -5, { class: 'axis dash' });
  const order = result.interleaved
    ? [
        { label: `${candidate.name} first`, mark: mark(true) },
        { label: `${baseline.name} first`, mark: mark(false) },
      ]
    : [];
  return [...order, { label: 'no difference', mark: dash }];
}

function firstArms({ slices }: Timeline): ReadonlyMap<number, string> {
  const first = new Map<number, string>();
  for (const { block, arm } of slices) if (!first.has(block)) first.set(block, arm);
  return first;
}

function armNumber({ arms }: RunResult, arm: ArmResult): number {
  return arms.indexOf(arm);
}

function describe(
  { metric, title }: PanelMetric,
  baseline: ArmResult,
  candidate: ArmResult | undefined,
): string {
  const values =
    candidate === undefined
      ? (baseline.metrics[metric]?.perBlock ?? []).map(({ value }) => formatNumber(value))
      : pairs(baseline, candidate, metric).map(
          ({ before, after }) => `${formatNumber(before)} and ${formatNumber(after)}`,
        );
  return `${title}: ${values.join('; ')}.`;
}
