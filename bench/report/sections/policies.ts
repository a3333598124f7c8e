import { known } from '../../analysis/median.ts';
import type { ArmResult, ComparisonRow, Consistency, MetricId, RunResult, SliceResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { formatValue } from '../main-table.ts';
import {
  formatChange,
  formatChangeInterval,
  formatCount,
  formatNumber,
  formatShare,
  missing,
} from '../numbers.ts';
import { cpuUnit } from '../quota.ts';
import { right, type Section, section, table } from '../section.ts';

/** What each arm buys and costs, side by side; of two arms without versions the main table says it already. */
export function policySection(result: RunResult): Section | null {
  const arms = result.arms.filter(({ slices }) => slices.length > 0);
  const hasVersions = arms.some(({ metrics }) => metrics['stale.ratio'] !== undefined);
  if (arms.length < 2 || (arms.length === 2 && !hasVersions)) return null;
  const unit = cpuUnit(result);
  return section('policies', 'Policies side by side', [
    table(
      [
        'arm',
        right('read QPS (1/s)'),
        right('write QPS (1/s)'),
        right('P95 read (ms)'),
        right('P95 write (ms)'),
        right(`CPU of the primary (${unit})`),
        right('CPU of the application (ms/request)'),
      ],
      arms.map((arm) => [arm.name, ...measured.map((metric) => formatValue(arm, metric))]),
    ),
    hasVersions ? promiseTable(arms) : '',
    changeTable(result),
    takenOverTable(arms),
    describeSettings(arms),
    hasVersions
      ? 'QPS is that of the saturation slices, everything else of the steady ones. A stale read missed a write that had been answered before it was sent. “Own writes missed” and “went back” are violations of read-your-writes and of monotonic reads, for each 10,000 reads that could have violated them, of which there were n in all blocks together; where there was none, the bound is that of 95 % confidence.'
      : '',
  ]);
}

const measured = [
  'read.qps',
  'write.qps',
  'read.p95Ms',
  'write.p95Ms',
  'primary.cpuPercent',
  'app.cpuMsPerRequest',
] as const satisfies readonly MetricId[];

/** Every arm against the baseline, with intervals; needs three arms to say more than the main table. */
function changeTable(result: RunResult) {
  const { baseline, candidate } = reportedArms(result);
  const { further = [] } = result;
  if (baseline === undefined || candidate === undefined || further.length === 0) return '';
  const compared = [{ arm: candidate.name, comparison: result.comparison }, ...further];
  return table(
    [`against ${baseline.name} (%)`, ...changed.map(({ head }) => right(head))],
    compared.map(({ arm, comparison }) => [
      arm,
      ...changed.map(({ metric }) => formatRow(comparison.find((row) => row.metric === metric))),
    ]),
  );
}

const changed: readonly { readonly metric: MetricId; readonly head: string }[] = [
  { metric: 'read.qps', head: 'read QPS' },
  { metric: 'read.p95Ms', head: 'P95 read' },
  { metric: 'write.p95Ms', head: 'P95 write' },
  { metric: 'primary.cpuPercent', head: 'CPU of the primary' },
  { metric: 'app.cpuMsPerRequest', head: 'CPU of the application' },
];

function formatRow(row: ComparisonRow | undefined): string {
  if (row === undefined || row.ratio === null) return missing;
  return `${formatChange(row.ratio)} ${formatChangeInterval(row.ciLow, row.ciHigh)}`.trim();
}

function promiseTable(arms: readonly ArmResult[]) {
  return table(
    ['what clients saw', right('stale reads'), right('own writes missed'), right('went back')],
    arms.map((arm) => [
      ...[arm.name, staleShare(arm), violations(arm, 'ownWrites'), violations(arm, 'monotonic')],
    ]),
  );
}

function steadyOf({ slices }: ArmResult): readonly SliceResult[] {
  return slices.filter(({ kind }) => kind === 'steady');
}

function consistencyOf(arm: ArmResult): readonly Consistency[] {
  return steadyOf(arm).flatMap(({ consistency }) => consistency ?? []);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Of all blocks together: a median over blocks would leave out what happened in a few of them. */
function staleShare(arm: ArmResult): string {
  const all = consistencyOf(arm);
  const reads = sum(all.map((one) => one.reads));
  return reads === 0 ? missing : formatShare(sum(all.map((one) => one.stale)) / reads);
}

/** Of all blocks together, as the share of stale reads. */
function violations(arm: ArmResult, promise: 'ownWrites' | 'monotonic'): string {
  const all = consistencyOf(arm).map((one) => one[promise]);
  const checked = sum(all.map((one) => one.checked));
  if (checked === 0) return missing;
  const count = sum(all.map((one) => one.violations));
  // Rule of three: of so many without one, more than this share would have shown one in 95 % of cases.
  const value =
    count === 0 ? `0 (< ${formatNumber((3 / checked) * 10_000)})` : formatNumber((count / checked) * 10_000);
  return `${value}, n = ${formatCount(checked)}`;
}

/** What the primary did in the place of replicas; nothing where no application tells, or where it did nothing. */
function takenOverTable(arms: readonly ArmResult[]) {
  const rows = arms.flatMap((arm) => {
    const told = steadyOf(arm).flatMap(({ app }) => app.takenOver ?? []);
    const [first] = told;
    const most = (pick: (one: (typeof told)[number]) => number | null): string =>
      formatNumber(Math.max(...known(told.map(pick))));
    return first === undefined
      ? []
      : [
          [
            ...[arm.name, most(({ rateHz }) => rateHz), formatNumber(first.limitHz)],
            ...[most((one) => one.most), formatNumber(first.limit), most(({ rejectedHz }) => rejectedHz)],
          ],
        ];
  });
  if (rows.every(([, rate, , , , rejected]) => rate === '0' && rejected === '0')) return '';
  return table(
    [
      'in the place of replicas, most of any block',
      ...[right('reads on the primary (1/s)'), right('limit (1/s)'), right('at once'), right('limit')],
      right('reads refused (1/s)'),
    ],
    rows,
  );
}

function describeSettings(arms: readonly ArmResult[]): string {
  const told = arms.flatMap(({ name, settings }) =>
    settings === undefined
      ? []
      : [
          `${name}: ${Object.entries(settings)
            .map(([variable, value]) => `\`${variable}=${value}\``)
            .join(' ')}`,
        ],
  );
  return told.length === 0 ? '' : `What the application was told beside its nodes: ${told.join('; ')}.`;
}
