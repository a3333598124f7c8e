import type { ArmResult, MetricId } from '../../model.ts';
import { formatNumber, formatTick } from '../numbers.ts';
import { armClass, pointMark } from './legend.ts';
import { logScale, type Scale } from './scale.ts';
import { hint, line, tag, text, tickLabel } from './svg.ts';

/** An arm, and the number of its colour. */
export interface ColouredArm {
  readonly arm: ArmResult;
  readonly colour: number;
}

export interface Pair {
  readonly block: number;
  readonly before: number;
  readonly after: number;
}

const [left, top] = [40, 22];

/** The blocks that both arms have a value of. */
export function pairs(baseline: ArmResult, candidate: ArmResult, metric: MetricId): readonly Pair[] {
  return (baseline.metrics[metric]?.perBlock ?? []).flatMap(({ block, value }) => {
    const other = candidate.metrics[metric]?.perBlock.find((one) => one.block === block);
    return other === undefined ? [] : [{ block, before: value, after: other.value }];
  });
}

/** One arm against the other, both axes alike. `firstOf`: which arm of a block was measured first. */
export function pairPanel(
  title: string,
  points: readonly Pair[],
  baseline: ArmResult,
  candidate: ColouredArm,
  firstOf: ReadonlyMap<number, string>,
  size: number,
): string {
  const values = points.flatMap(({ before, after }) => [before, after]);
  const y = logScale(values, [size, top]);
  const x = logScale(values, [left, size]);
  return [
    ground(title, y, size),
    ...fewTicks(x).map((value) => tickLabel(x.at(value), size + 14, formatTick(value), [0, size])),
    line(left, size, size, top, { class: 'axis dash' }),
    text(size, size + 28, `${baseline.name} →`, { class: 'end muted small' }),
    text(0, size + 28, `↑ ${candidate.arm.name}`, { class: 'muted small' }),
    tag(
      'g',
      { class: armClass(candidate.colour) },
      ...points.map(({ block, before, after }) => {
        const first = firstOf.get(block);
        const order = first === undefined ? '' : `, ${first} first`;
        return tag(
          'g',
          {},
          hint(`block ${block}: ${formatNumber(before)} and ${formatNumber(after)}${order}`),
          pointMark(x.at(before), y.at(after), candidate.colour, first !== baseline.name),
        );
      }),
    ),
  ].join('');
}

/** Every block of every arm by its number: for arms that were not measured in pairs. */
export function sequencePanel(
  title: string,
  metric: MetricId,
  arms: readonly ColouredArm[],
  size: number,
): string {
  const points = arms.flatMap(({ arm, colour }) =>
    (arm.metrics[metric]?.perBlock ?? []).map((one) => ({ ...one, name: arm.name, colour })),
  );
  const y = logScale(
    points.map(({ value }) => value),
    [size, top],
  );
  const numbers = points.map(({ block }) => block);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  const x = (block: number): number =>
    left + 10 + (last === first ? 0.5 : (block - first) / (last - first)) * (size - left - 20);
  return [
    ground(title, y, size),
    ...[...new Set([first, last])].map((block) =>
      text(x(block), size + 14, String(block), { class: 'middle muted small' }),
    ),
    text(size, size + 28, 'block →', { class: 'end muted small' }),
    ...points.map(({ block, value, name, colour }) =>
      tag(
        'g',
        { class: armClass(colour) },
        hint(`${name}, block ${block}: ${formatNumber(value)}`),
        pointMark(x(block), y.at(value), colour, true),
      ),
    ),
  ].join('');
}

function ground(title: string, y: Scale, size: number): string {
  return [
    text(0, 12, title, { class: 'strong small' }),
    tag('rect', { x: left, y: top, width: size - left, height: size - top, class: 'ground' }),
    ...fewTicks(y).map((value) =>
      text(left - 5, y.at(value) + 4, formatTick(value), { class: 'end muted small' }),
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
