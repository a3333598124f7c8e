import type { Measure } from '../../analysis/slice-samples.ts';
import type { RunResult, SliceResult } from '../../model.ts';
import { formatNumber } from '../numbers.ts';
import { isQuotaAtSaturationOnly } from '../quota.ts';

/** One row of the timeline: what it shows, in which unit, and which lines it has. */
export interface Panel {
  readonly measure: Measure;
  readonly title: string;
  readonly scale: 'linear' | 'log';
  readonly lines: readonly PanelLine[];
  /** The quota, where there is one. */
  readonly level?: number;
}

export interface PanelLine {
  readonly subject: string;
  readonly style: 'plain' | 'dash' | 'dot';
  /** The value of the whole slice, as in result.json; null where it has none. */
  readonly ofSlice: (slice: SliceResult) => number | null;
}

/** Rows of which a run has anything to show are chosen by the chart. */
export function timelinePanels(result: RunResult): readonly Panel[] {
  const replicas = Math.max(0, ...result.arms.map((arm) => arm.replicas));
  const names = Array.from({ length: replicas }, (_, index) => `replica${index + 1}`);
  const quota = result.limitMethod === 'none' ? null : result.nodeCpus;
  return [
    {
      measure: 'rate',
      title: 'Throughput (requests/s)',
      scale: 'log',
      lines: [
        { subject: 'read', style: 'plain', ofSlice: ({ read }) => read.qps },
        { subject: 'write', style: 'dash', ofSlice: ({ write }) => write.qps },
      ],
    },
    {
      measure: 'p95',
      title: 'P95 (ms)',
      scale: 'log',
      lines: [
        { subject: 'read', style: 'plain', ofSlice: ({ read }) => read.responseTime.p95Ms },
        { subject: 'write', style: 'dash', ofSlice: ({ write }) => write.responseTime.p95Ms },
      ],
    },
    {
      measure: 'cores',
      title:
        quota === null
          ? 'CPU of the nodes (cores)'
          : `CPU of the nodes (cores, quota ${formatNumber(quota)}${isQuotaAtSaturationOnly(result) ? ' at saturation' : ''})`,
      scale: 'linear',
      lines: [
        { subject: 'primary', style: 'plain', ofSlice: ({ cpu }) => cpu['primary']?.cores ?? null },
        ...names.map((name) => ({
          subject: name,
          style: 'dash' as const,
          ofSlice: ({ cpu }: SliceResult) => cpu[name]?.cores ?? null,
        })),
      ],
      ...(quota === null ? {} : { level: quota }),
    },
    {
      measure: 'cores',
      title: 'CPU of the application (cores)',
      scale: 'linear',
      lines: [{ subject: 'application', style: 'plain', ofSlice: applicationCores(result) }],
    },
    {
      measure: 'lag',
      title: 'Replication lag (ms)',
      scale: 'log',
      lines: names.map((name) => ({
        subject: name,
        style: 'plain' as const,
        ofSlice: ({ lag }: SliceResult) => lag[name]?.p95Ms ?? null,
      })),
    },
  ];
}

/** Of its parts together; null when one of them was not observed. */
function applicationCores({ arms }: RunResult): (slice: SliceResult) => number | null {
  const others = new Set([...arms.flatMap((arm) => arm.nodes), 'generator', 'harness', 'links']);
  return ({ cpu }) => {
    const parts = Object.entries(cpu).filter(([name]) => !others.has(name));
    const cores = parts.map(([, use]) => use.cores).filter((value) => value !== null);
    return cores.length === 0 || cores.length < parts.length
      ? null
      : cores.reduce((sum, value) => sum + value, 0);
  };
}
