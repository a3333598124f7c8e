import { known, median } from '../../analysis/median.ts';
import type { ArmResult, ComparisonRow, MemoryUse, NodeCpu, RunResult } from '../../model.ts';
import { comparisonRow, reportedArms } from '../arms.ts';
import { claims, claimsApply } from '../claims.ts';
import { formatNumber, formatShare, missing } from '../numbers.ts';
import { type Column, right, type Section, section, type Table, table } from '../section.ts';
import { type ClaimedSize, claimedDeployments, claimedNodes, claimedRules, claimedTotal } from '../sizing.ts';

/** What runs to measure, and would not run in production. */
const ofTheHarness = new Set(['generator', 'harness', 'links']);

/** CPU and memory of every node and part of the application, beside the sizes and costs claimed for them. */
export function resourceSection(result: RunResult): Section | null {
  const arms = result.arms.filter((arm) => subjectsOf(arm).length > 0);
  if (arms.length === 0) return null;
  const memory = arms.some((arm) => arm.slices.some((slice) => Object.keys(slice.memory).length > 0));
  const heads: readonly Column[] = [
    right('CPU, mean (cores)'),
    right('CPU, P95 (cores)'),
    ...(memory ? [right('memory, P50 (MiB)'), right('memory, max (MiB)'), right('of its limit (%)')] : []),
    'claimed for it',
  ];
  return section('resources', 'CPU, memory and cost', [
    ...arms.map((arm) =>
      table(
        [arm.name, ...heads],
        [...subjectsOf(arm), null].map((name) => resourceRow(arm, name, memory)),
      ),
    ),
    `CPU: steady slices, of each the mean and the P95 of its half-seconds, then the median over the blocks.${memory ? ' Memory: the working set (what is used, less the file cache that the kernel would give back first), P50 as for the CPU, the largest of all slices as max.' : ' Memory was not measured: it is where every node has a cgroup of its own that counts it.'}`,
    costTable(arms),
    ruleTable(result),
    'Claimed: tables and rules ("Costos y Recursos", "Best Practices") of the document that this project began from, for its own application and load, which it does not state. Measured is what this load took here, where a CPU quota stands for a machine: sizes follow the load, so compare the proportions, and measure your own load before you buy. What was not measured has no figure.',
  ]);
}

/** A row of one subject, or with null of all PostgreSQL nodes together. */
function resourceRow(arm: ArmResult, name: string | null, memory: boolean): readonly string[] {
  const subjects = name === null ? arm.nodes : [name];
  const memories = memory
    ? [
        formatNumber(mebibytes(sumOfAll(subjects.map((subject) => memoryP50(arm, subject))))),
        // Maxima are not reached together, so they have no sum.
        name === null ? missing : formatNumber(mebibytes(memoryMax(arm, name))),
        name === null ? missing : formatNumber(percentOfLimit(arm, name)),
      ]
    : [];
  return [
    name ?? 'PostgreSQL in all',
    formatNumber(sumOfAll(subjects.map((subject) => steadyCpu(arm, subject, 'cores')))),
    name === null ? missing : formatNumber(steadyCpu(arm, name, 'p95Cores')),
    ...memories,
    describeSize(name === null ? claimedTotal(arm.nodes) : claimedNodes[name]),
  ];
}

function costTable(arms: readonly ArmResult[]): Table {
  const rows = arms.flatMap((arm) => {
    const claim = claimedDeployments.find(({ replicas }) => replicas === arm.replicas);
    if (claim === undefined) return [];
    const all = subjectsOf(arm);
    return [
      [
        arm.name,
        formatNumber(sumOfAll(all.map((subject) => steadyCpu(arm, subject, 'cores')))),
        formatNumber(gibibytes(sumOfAll(all.map((subject) => memoryP50(arm, subject))))),
        `${claim.cores.toFixed(1)} cores, ${claim.memoryGb} GB`,
        `$${claim.dollarsPerMonth} a month (${claim.machine})`,
      ],
    ];
  });
  return table(
    [
      'nodes and application in all',
      right('CPU, mean (cores)'),
      right('memory, sum of P50 (GiB)'),
      'claimed size',
      'claimed cost',
    ],
    rows,
  );
}

/** The document's rules of thumb beside what this run has to say about each. */
function ruleTable(result: RunResult): Table | string {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined || candidate === undefined || !claimsApply(candidate)) return '';
  const [primary, ...replicas] = candidate.nodes;
  const toPrimary = (measure: (node: string) => number | null): string => {
    const [of, to] = [sumOfAll(replicas.map(measure)), measure(primary ?? '')];
    return of === null || !to ? missing : `${formatNumber((of / replicas.length / to) * 100)} %`;
  };
  const reads = comparisonRow(result, 'read.qps');
  const interval = (row: ComparisonRow): string =>
    row.ciLow === null || row.ciHigh === null
      ? ''
      : ` [${formatNumber(row.ciLow)} to ${formatNumber(row.ciHigh)}]`;
  const [before, after] = [0, 2].map((count) =>
    claimedDeployments.find(({ replicas }) => replicas === count),
  );
  const price = (after?.dollarsPerMonth ?? 0) / (before?.dollarsPerMonth ?? 1);
  return table(
    ['rule of the document', right('claimed'), right('measured')],
    [
      [
        'CPU of a replica, of the primary beside it (steady)',
        `${claimedRules.replicaCpuPercent} %`,
        toPrimary((node) => steadyCpu(candidate, node, 'cores')),
      ],
      [
        'memory of a replica, of the primary beside it',
        'the same',
        toPrimary((node) => memoryP50(candidate, node)),
      ],
      [
        'share of reads from which replicas are worth it',
        `> ${claimedRules.readSharePercent} %`,
        `${formatShare(result.scenario.readShare)} in this scenario`,
      ],
      [
        `read QPS with two replicas, for ${price} times the cost as claimed`,
        `${formatNumber(claims['read.qps']?.ratio ?? null)} times`,
        reads?.ratio === null || reads === undefined
          ? missing
          : `${formatNumber(reads.ratio)} times${interval(reads)}`,
      ],
    ],
  );
}

/** Nodes first, then the parts of the application. */
function subjectsOf(arm: ArmResult): readonly string[] {
  const measured = arm.slices.flatMap((slice) => [...Object.keys(slice.cpu), ...Object.keys(slice.memory)]);
  const parts = [...new Set(measured)].filter((name) => !arm.nodes.includes(name) && !ofTheHarness.has(name));
  return measured.length === 0 ? [] : [...arm.nodes, ...parts];
}

function steadyCpu(arm: ArmResult, subject: string, value: keyof NodeCpu): number | null {
  return median(known(steadySlices(arm).map((slice) => slice.cpu[subject]?.[value])));
}

function memoryP50(arm: ArmResult, subject: string): number | null {
  return median(known(steadySlices(arm).map((slice) => slice.memory[subject]?.p50Bytes)));
}

function memoryMax(arm: ArmResult, subject: string): number | null {
  const values = memoryUses(arm, subject).map(({ maxBytes }) => maxBytes);
  return values.length === 0 ? null : Math.max(...values);
}

function percentOfLimit(arm: ArmResult, subject: string): number | null {
  const shares = memoryUses(arm, subject).flatMap(({ maxBytes, limitBytes }) =>
    limitBytes === null ? [] : [(maxBytes / limitBytes) * 100],
  );
  return shares.length === 0 ? null : Math.max(...shares);
}

function memoryUses(arm: ArmResult, subject: string): readonly MemoryUse[] {
  return arm.slices.flatMap((slice) => slice.memory[subject] ?? []);
}

function steadySlices(arm: ArmResult): ArmResult['slices'] {
  return arm.slices.filter((slice) => slice.kind === 'steady');
}

/** Null when any is unknown: the sum of the others would be too small. */
function sumOfAll(values: readonly (number | null)[]): number | null {
  const measured = known(values);
  return measured.length < values.length ? null : measured.reduce((sum, value) => sum + value, 0);
}

function describeSize(size: ClaimedSize | null | undefined): string {
  return size ? `${size.cores} cores, ${size.memoryMb} MB, ${size.diskGb} GB of disk` : missing;
}

function mebibytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / 2 ** 20;
}

function gibibytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / 2 ** 30;
}
