import { type Curve, curveQuantiles, type LatencyCurve } from '../../analysis/percentile-curve.ts';
import type { OperationClass } from '../../model.ts';
import { formatCount, formatNumber, formatTick } from '../numbers.ts';
import type { Chart } from './chart.ts';
import { areaMark, armClass, legend, lineMark } from './legend.ts';
import { logScale, type Range } from './scale.ts';
import { between, hint, line, tag, text, through, tickLabel, type XY } from './svg.ts';

const labelled = [0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999];
const plotHeight = 236;

/**
 * Response time of one class over the percentiles, each nine as wide as the one before; both axes are
 * logarithmic. Around the line of all requests together, how far the single blocks are apart.
 * @param arms names in the order of their colours
 */
export function percentileChart(
  curves: readonly LatencyCurve[],
  name: OperationClass,
  arms: readonly string[],
  width: number,
): Chart | null {
  const own = curves.filter((curve) => curve.class === name);
  if (own.length === 0) return null;
  const drawn = own
    .map((curve) => ({ ...curve, arm: arms.indexOf(curve.arm), spread: spreadOf(curve) }))
    .sort((a, b) => a.arm - b.arm);
  const keys = legend(
    [
      ...drawn.map(({ arm }) => ({ label: arms[arm] ?? '', mark: lineMark(arm, 'line') })),
      ...(drawn.some(({ spread }) => spread !== null)
        ? [{ label: 'range of the blocks', mark: areaMark(null, 'light') }]
        : []),
    ],
    0,
    14,
    width,
  );
  const [left, right, top] = [44, 8, keys.height + 20];
  const bottom = top + plotHeight;
  const nines = Math.max(1, ...drawn.map(({ merged }) => ninesOf(lastQuantile(merged))));
  const x = (quantile: number): number => left + (ninesOf(quantile) / nines) * (width - left - right);
  const values = drawn.flatMap(({ merged, spread }) => [
    ...merged.ms,
    ...(spread === null ? [] : [...spread.low, ...spread.high]),
  ]);
  const y = logScale(values, [bottom, top]);
  const points = (ms: readonly number[]): readonly XY[] =>
    ms.map((value, index) => [x(curveQuantiles[index] ?? 0), y.at(value)]);

  const body = [
    keys.svg,
    ...y.ticks.map(
      (ms) =>
        line(left, y.at(ms), width - right, y.at(ms), { class: 'grid' }) +
        text(left - 6, y.at(ms) + 4, formatTick(ms), { class: 'end muted small' }),
    ),
    ...labelled
      .filter((quantile) => ninesOf(quantile) <= nines * 1.001)
      .map((quantile) => percentileTick(quantile, x(quantile), [top, bottom], [left, width - right], nines)),
    ...drawn.flatMap(({ arm, spread }) =>
      spread === null
        ? []
        : [
            tag(
              'g',
              { class: armClass(arm) },
              tag('path', { d: between(points(spread.high), points(spread.low)), class: 'light' }),
            ),
          ],
    ),
    ...drawn.map(({ arm, merged }) =>
      tag(
        'g',
        { class: armClass(arm) },
        hint(`${arms[arm]}: ${figures(merged)}`),
        tag('path', { d: through(points(merged.ms)), class: 'line' }),
      ),
    ),
    text(left - 6, top - 8, 'ms', { class: 'end muted small' }),
    text(width - right, bottom + 34, 'share of requests answered within', { class: 'end muted small' }),
  ];
  return {
    id: `latency-${name}`,
    title: `Response time of ${name}s, by percentile`,
    description: drawn.map(({ arm, merged }) => `${arms[arm]}: ${figures(merged)}.`).join(' '),
    width,
    height: bottom + 40,
    body: body.join(''),
  };
}

/** How far a quantile is from the top: 0.9 is one nine, 0.99 two. */
function ninesOf(quantile: number): number {
  return -Math.log10(1 - quantile);
}

function lastQuantile(curve: Curve): number {
  return curveQuantiles[curve.ms.length - 1] ?? 0;
}

/** Lowest and highest block at each quantile that all blocks reach; null of a single block. */
function spreadOf({ blocks }: LatencyCurve): { readonly low: number[]; readonly high: number[] } | null {
  if (blocks.length < 2) return null;
  const shared = Math.min(...blocks.map(({ ms }) => ms.length));
  const at = (index: number): readonly number[] => blocks.map(({ ms }) => ms[index] ?? 0);
  const indices = Array.from({ length: shared }, (_, index) => index);
  return {
    low: indices.map((index) => Math.min(...at(index))),
    high: indices.map((index) => Math.max(...at(index))),
  };
}

function percentileTick(
  quantile: number,
  x: number,
  [top, bottom]: Range,
  [from, to]: Range,
  nines: number,
): string {
  const grid = line(x, top, x, bottom, { class: 'grid' });
  // A third of a nine to the next one: on a narrow chart there is no room for both names.
  const crowded = (quantile === 0.9 || quantile === 0) && ((to - from) / nines) * 0.3 < 44;
  if (crowded) return grid;
  return grid + tickLabel(x, bottom + 16, `${Number((quantile * 100).toPrecision(7))} %`, [from, to]);
}

function figures({ count, maxMs, ms }: Curve): string {
  const named = [0.5, 0.95, 0.99, 0.999].flatMap((quantile) => {
    const value = ms[curveQuantiles.indexOf(quantile)];
    return value === undefined
      ? []
      : [`P${Number((quantile * 100).toPrecision(4))} ${formatNumber(value)} ms`];
  });
  return [...named, `max ${formatNumber(maxMs)} ms`, `${formatCount(count)} requests`].join(', ');
}
