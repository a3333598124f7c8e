import type { Timeline } from '../../analysis/timeline.ts';
import type { ArmResult, MetricId, RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { formatNumber } from '../numbers.ts';
import { type ColouredArm, pairPanel, pairs, sequencePanel } from './block-panels.ts';
import type { Chart } from './chart.ts';
import { armClass, legend, pointMark } from './legend.ts';
import { line, tag } from './svg.ts';

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
const largestPanel = 215;

/**
 * One point a block. Arms that were measured in turns stand one against the other: whatever shifts both alike,
 * as a slow machine does, moves a point along the diagonal, and only a difference moves it away. Otherwise the
 * blocks follow each other.
 */
export function blockChart(result: RunResult, timeline: Timeline, width: number): Chart | null {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined) return null;
  const colour = (arm: ArmResult): ColouredArm => ({ arm, colour: result.arms.indexOf(arm) });
  const arms = [baseline, candidate].flatMap((arm) => (arm === undefined ? [] : [colour(arm)]));
  const paired = candidate !== undefined && result.interleaved;
  const panels = metricsOf(result).filter(({ metric }) =>
    paired
      ? pairs(baseline, candidate, metric).length > 0
      : arms.some(({ arm }) => (arm.metrics[metric]?.perBlock.length ?? 0) > 0),
  );
  if (panels.length === 0) return null;
  const columns = Math.max(1, Math.min(panels.length, Math.floor((width + gap) / (150 + gap))));
  const size = Math.min(largestPanel, (width - gap * (columns - 1)) / columns);
  const keys = legend(paired ? orderKey(baseline, colour(candidate)) : armKey(arms), 0, 14, width);
  const top = keys.height + 4;
  const height = size + 46;
  const firstOf = firstArms(timeline);
  const body = panels.map(({ metric, title }, index) => {
    const x = Math.round((index % columns) * (size + gap));
    const y = Math.round(top + Math.floor(index / columns) * height);
    const inside = paired
      ? pairPanel(title, pairs(baseline, candidate, metric), baseline, colour(candidate), firstOf, size)
      : sequencePanel(title, metric, arms, size);
    return tag('g', { transform: `translate(${x} ${y})` }, inside);
  });
  return {
    id: 'blocks',
    title: paired ? `${candidate.name} against ${baseline.name}, block by block` : 'Block by block',
    description: panels
      .map(({ metric, title }) => `${title}: ${arms.map(({ arm }) => listOf(arm, metric)).join('. ')}.`)
      .join(' '),
    width,
    height: top + Math.ceil(panels.length / columns) * height,
    body: keys.svg + body.join(''),
  };
}

/** Of a gate, what it gates. */
function metricsOf({ gate, comparison }: RunResult): readonly PanelMetric[] {
  if (gate === undefined) return usual;
  return gate.rules.metrics.map(({ metric }) => {
    const unit = comparison.find((row) => row.metric === metric)?.unit ?? '';
    const named = { metric, title: unit === '' ? metric : `${metric} (${unit})` };
    return usual.find((one) => one.metric === metric) ?? named;
  });
}

function orderKey(baseline: ArmResult, candidate: ColouredArm): Parameters<typeof legend>[0] {
  const mark = (filled: boolean): string =>
    tag('g', { class: armClass(candidate.colour) }, pointMark(9, 0, candidate.colour, filled));
  return [
    { label: `${candidate.arm.name} first`, mark: mark(true) },
    { label: `${baseline.name} first`, mark: mark(false) },
    { label: 'no difference', mark: line(0, 5, 18, -5, { class: 'axis dash' }) },
  ];
}

function armKey(arms: readonly ColouredArm[]): Parameters<typeof legend>[0] {
  return arms.map(({ arm, colour }) => ({
    label: arm.name,
    mark: tag('g', { class: armClass(colour) }, pointMark(9, 0, colour, true)),
  }));
}

function firstArms({ slices }: Timeline): ReadonlyMap<number, string> {
  const first = new Map<number, string>();
  for (const { block, arm } of slices) if (!first.has(block)) first.set(block, arm);
  return first;
}

function listOf(arm: ArmResult, metric: MetricId): string {
  const values = arm.metrics[metric]?.perBlock ?? [];
  return `${arm.name} ${values.map(({ block, value }) => `block ${block} ${formatNumber(value)}`).join(', ')}`;
}
