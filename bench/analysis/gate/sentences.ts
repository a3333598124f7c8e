import type { GateRow, MetricId } from '../../model.ts';
import type { BlockEffects } from './effects.ts';

const minus = '\u2212';

/** What a metric is called in a sentence, at its beginning. */
export const metricWords: Readonly<Record<MetricId, string>> = {
  'read.qps': 'Read QPS',
  'write.qps': 'Write QPS',
  'read.p50Ms': 'Read P50',
  'read.p95Ms': 'Read P95',
  'read.p99Ms': 'Read P99',
  'write.p50Ms': 'Write P50',
  'write.p95Ms': 'Write P95',
  'write.p99Ms': 'Write P99',
  'primary.cpuPercent': 'CPU of the primary',
  'replicas.cpuPercent': 'CPU of the replicas',
  'app.cpuMsPerRequest': 'CPU per request',
  'lag.p95Ms': 'Lag P95',
  'lag.maxBytes': 'Largest lag',
  'errors.ratio': 'Error ratio',
  'stale.ratio': 'Share of stale reads',
  'ryw.violationsPer10k': 'Reads without own writes',
  'monotonic.violationsPer10k': 'Reads that went back',
};

/**
 * `Read P95 is 12.4 % higher [6.1 to 19.0], more than the 8 % that fail a gate, 14 blocks.`
 * `than` says higher than what, where that is not the reference.
 */
export function describeRow(
  row: Omit<GateRow, 'sentence'>,
  effects: BlockEffects,
  isLook: boolean,
  than = '',
): string {
  const name = metricWords[row.metric];
  const blocks = countBlocks(row.blocks);
  if (row.blocks === 0) return `${name}: no block was finished.`;
  if (effects.kind !== 'measured') {
    const of = `in ${effects.blocks} of ${blocks}`;
    return effects.kind === 'missing'
      ? `${name} was not measured ${of}, so it cannot pass.`
      : `${name} was zero ${of}, so it has no ratio and cannot pass.`;
  }
  const rise = row.direction === 'lower-is-better' ? 'a rise' : 'a fall';
  const tolerance = `${rise} of ${percent(row.tolerance)} % or more`;
  const seen = `${name} is ${describeEffect(row)}${than}`;
  if (!isLook) return `${seen}, ${blocks}, not decided yet.`;
  switch (row.verdict) {
    case 'fail':
      return `${seen}, more than the ${percent(row.minEffect)} % that fail a gate, ${blocks}.`;
    case 'pass':
      return `${seen}: ${tolerance} is ruled out, ${blocks}.`;
    case 'inconclusive':
      return `${seen}: not enough for a fail, and ${tolerance} is not ruled out, ${blocks}.`;
  }
}

/** `12.4 % higher [6.1 to 19.0]`, as seen from the reference; the interval is on the same side. */
export function describeEffect({
  effect,
  low,
  high,
  direction,
}: Pick<GateRow, 'effect' | 'low' | 'high' | 'direction'>): string {
  if (effect === null) return 'unknown';
  const worse = direction === 'lower-is-better' ? 'higher' : 'lower';
  const better = direction === 'lower-is-better' ? 'lower' : 'higher';
  const improved = effect < 0;
  const size = signed(Math.abs(effect));
  const ends = improved ? [high, low].map((end) => (end === null ? null : -end)) : [low, high];
  const [from = null, to = null] = ends;
  const interval = from === null || to === null ? '' : ` [${signed(from)} to ${signed(to)}]`;
  return `${size} % ${improved ? better : worse}${interval}`;
}

export function countBlocks(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`;
}

/** A share as percent, as somebody would have written it: 0.08 is `8`, 0.125 is `12.5`. */
export function percent(share: number): string {
  return String(Number((share * 100).toFixed(2)));
}

/** A share as percent with one decimal, and no minus before a zero. */
function signed(share: number): string {
  const text = Math.abs(share * 100).toFixed(1);
  return share < 0 && Number(text) !== 0 ? minus + text : text;
}
