import { addOutcomes, countDue } from '../../analysis/latency.ts';
import { median } from '../../analysis/median.ts';
import { type ArmResult, type LatencySummary, outcomeNames, type RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { formatCount, formatNumber, formatShare, missing } from '../numbers.ts';
import { right, type Section, section, type Table, table } from '../section.ts';

const quantiles = [
  { head: 'P50 (ms)', pick: (summary: LatencySummary) => summary.p50Ms },
  { head: 'P95 (ms)', pick: (summary: LatencySummary) => summary.p95Ms },
  { head: 'P99 (ms)', pick: (summary: LatencySummary) => summary.p99Ms },
] as const;

/** Response time of each operation in the steady slices, all arms beside each other. */
export function latencySection(result: RunResult): Section | null {
  const arms = [reportedArms(result).baseline, reportedArms(result).candidate].filter(
    (arm) => arm !== undefined && steadySlices(arm).length > 0,
  ) as readonly ArmResult[];
  const names = arms.flatMap((arm) =>
    steadySlices(arm).flatMap((slice) => slice.operations.map((operation) => operation.name)),
  );
  if (names.length === 0) return null;
  const arrow = arms.map((arm) => arm.name).join(' → ');
  const rows = [...new Set(names)].map((name) => [
    name,
    classOf(arms, name),
    ...quantiles.map(({ pick }) => arms.map((arm) => formatNumber(overBlocks(arm, name, pick))).join(' → ')),
    arms.map((arm) => formatCount(overBlocks(arm, name, (summary) => summary.count))).join(' → '),
  ]);
  return section('latency', 'Latency by operation', [
    table(
      ['operation', 'class', ...quantiles.map(({ head }) => right(head)), right('requests per block')],
      rows,
    ),
    `${arrow}. Response time from the due time, steady slices; one quantile per block, then the median over the blocks. A P95 of fewer than 100 requests, or a P99 of fewer than 500, rests on fewer than five of them.`,
    ...generatorBlocks(arms),
  ]);
}

/** What of the response time the generator itself added. */
function generatorBlocks(arms: readonly ArmResult[]): readonly (Table | string)[] {
  const rows = arms.flatMap((arm) =>
    (['read', 'write'] as const).map((name) => {
      const pick = (choose: (slice: ArmResult['slices'][number]) => number | null): string =>
        formatNumber(median(steadySlices(arm).flatMap((slice) => choose(slice) ?? [])));
      return [
        arm.name,
        name,
        pick((slice) => slice[name].serviceTime.p95Ms),
        pick((slice) => slice[name].responseTime.p95Ms),
        pick((slice) => slice[name].scheduleLag.p95Ms),
        pick((slice) => slice[name].scheduleLag.p99Ms),
      ];
    }),
  );
  return [
    table(
      [
        'arm',
        'class',
        right('service time P95 (ms)'),
        right('response time P95 (ms)'),
        right('schedule lag P95 (ms)'),
        right('schedule lag P99 (ms)'),
      ],
      rows,
    ),
    'Service time counts from the actual start, response time from the due time, schedule lag is the difference between the two starts.',
  ];
}

/** Every due request has exactly one outcome; none is left out. */
export function outcomeSection(result: RunResult): Section | null {
  const rows = result.arms.flatMap((arm) =>
    (['steady', 'read-saturation', 'write-saturation'] as const).flatMap((kind) => {
      const slices = arm.slices.filter((slice) => slice.kind === kind);
      if (slices.length === 0) return [];
      const outcomes = addOutcomes(slices.map((slice) => slice.outcomes));
      const due = countDue(outcomes);
      return [
        [
          arm.name,
          kind,
          formatNumber(median(slices.flatMap((slice) => slice.offeredRateHz ?? []))),
          formatNumber(median(slices.map((slice) => slice.achievedRateHz))),
          formatCount(due),
          ...outcomeNames.map((outcome) => formatCount(outcomes[outcome])),
          due === 0 ? missing : formatShare((due - outcomes.ok - outcomes['in-flight-at-end']) / due),
        ],
      ];
    }),
  );
  if (rows.length === 0) return null;
  return section('outcomes', 'Outcomes', [
    table(
      [
        'arm',
        'slice',
        right('offered (1/s)'),
        right('achieved (1/s)'),
        right('due'),
        ...outcomeNames.map((outcome) => right(outcome)),
        right('failed'),
      ],
      rows,
    ),
    'Requests of all blocks; rates are medians over the blocks. Offered is the rate of the open streams alone; achieved counts the answers of all streams. `unsent` and `in-flight-at-end` have no full latency: where they are not few, percentiles are lower bounds.',
  ]);
}

/** The values that the statistics were made of, so that they can be made again. */
export function blockSection(result: RunResult): Section | null {
  const metrics = ['read.qps', 'write.qps', 'read.p95Ms', 'write.p95Ms', 'primary.cpuPercent'] as const;
  const blocks = [...new Set(result.arms.flatMap((arm) => arm.slices.map((slice) => slice.block)))].sort(
    (a, b) => a - b,
  );
  if (blocks.length === 0) return null;
  const blockCell = (arm: ArmResult, metric: (typeof metrics)[number], block: number): string =>
    formatNumber(arm.metrics[metric]?.perBlock.find((value) => value.block === block)?.value ?? null);
  const rows = blocks.map((block) => [
    String(block),
    ...metrics.map((metric) => result.arms.map((arm) => blockCell(arm, metric, block)).join(' → ')),
  ]);
  const heads = ['read QPS (1/s)', 'write QPS (1/s)', 'P95 read (ms)', 'P95 write (ms)', 'CPU primary (%)'];
  return section('blocks', 'Block by block', [
    table(['block', ...heads.map(right)], rows),
    `${result.arms.map((arm) => arm.name).join(' → ')}. A block is the unit of replication: n is the number of rows here, never the number of requests.`,
  ]);
}

function steadySlices(arm: ArmResult): ArmResult['slices'] {
  return arm.slices.filter((slice) => slice.kind === 'steady');
}

function classOf(arms: readonly ArmResult[], name: string): string {
  const operations = arms.flatMap((arm) => steadySlices(arm).flatMap((slice) => slice.operations));
  return operations.find((operation) => operation.name === name)?.class ?? missing;
}

function overBlocks(
  arm: ArmResult,
  name: string,
  pick: (summary: LatencySummary) => number | null,
): number | null {
  const summaries = steadySlices(arm).flatMap((slice) =>
    slice.operations
      .filter((operation) => operation.name === name)
      .map((operation) => operation.responseTime),
  );
  return median(summaries.map(pick).filter((value) => value !== null));
}
