import { addOutcomes, answersInTime, summarizeLatency } from '../analysis/latency.ts';
import { assessLoad } from '../analysis/validity.ts';
import {
  type Finding,
  type GeneratorHealth,
  type LatencySummary,
  type LoadResult,
  type OutcomeCounts,
  outcomeNames,
} from '../model.ts';

/** What `replibench load --json` writes. */
export interface LoadSummary {
  readonly url: string;
  readonly seed: number;
  readonly durationMs: number;
  /** null = closed loop. */
  readonly offeredRateHz: number | null;
  /** Answers per second that came within the scheduled length. */
  readonly achievedRateHz: number;
  readonly outcomes: OutcomeCounts;
  readonly statuses: Readonly<Record<string, number>>;
  readonly serviceTime: LatencySummary;
  readonly responseTime: LatencySummary;
  readonly scheduleLag: LatencySummary;
  readonly validity: { readonly ok: boolean; readonly findings: readonly Finding[] };
  readonly generator: GeneratorHealth;
}

export function summarizeLoad(
  run: { readonly url: string; readonly seed: number; readonly offeredRateHz: number | null },
  result: LoadResult,
): LoadSummary {
  const { operations } = result;
  const outcomes = addOutcomes(operations.map((operation) => operation.outcomes));
  const findings = assessLoad(result, { offeredRateHz: run.offeredRateHz });
  return {
    url: run.url,
    seed: run.seed,
    durationMs: result.durationMs,
    offeredRateHz: run.offeredRateHz,
    achievedRateHz: (1000 * answersInTime(result.operations)) / result.durationMs,
    outcomes,
    statuses: Object.assign({}, ...operations.map((operation) => operation.statuses)),
    serviceTime: summarizeLatency(operations.map((operation) => operation.serviceTime)),
    responseTime: summarizeLatency(operations.map((operation) => operation.responseTime)),
    scheduleLag: summarizeLatency(operations.map((operation) => operation.scheduleLag)),
    validity: { ok: findings.every((finding) => finding.severity !== 'invalid'), findings },
    generator: result.generator,
  };
}

/** For the terminal. */
export function renderLoad(summary: LoadSummary): string {
  const { offeredRateHz, achievedRateHz } = summary;
  const offered = offeredRateHz === null ? '' : ` of ${rate(offeredRateHz)} offered`;
  const blocks = [
    [`achieved ${rate(achievedRateHz)}${offered}`],
    latencyTable(summary),
    outcomeTable(summary),
    [generatorLine(summary.generator)],
    summary.validity.findings.map((finding) => `${finding.severity}: ${finding.message}`),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `\n${lines.join('\n')}\n`)
    .join('');
}

function latencyTable(summary: LoadSummary): string[] {
  const rows: readonly (readonly [string, LatencySummary])[] =
    summary.offeredRateHz === null
      ? [['service time', summary.serviceTime]]
      : [
          ['service time', summary.serviceTime],
          ['response time', summary.responseTime],
          ['schedule lag', summary.scheduleLag],
        ];
  const columns = ['P50', 'P95', 'P99', 'max'];
  return [
    `${'ms'.padEnd(14)}${columns.map((name) => name.padStart(11)).join('')}`,
    ...rows.map(([name, { p50Ms, p95Ms, p99Ms, maxMs }]) => {
      const cells = [p50Ms, p95Ms, p99Ms, maxMs].map((value) => milliseconds(value).padStart(11));
      return `${name.padEnd(14)}${cells.join('')}`;
    }),
  ];
}

/** `ok` always, the others when there are any; errors with their statuses. */
function outcomeTable({ outcomes, statuses }: LoadSummary): string[] {
  const failed = Object.entries(statuses)
    .filter(([status]) => Number(status) >= 400)
    .map(([status, count]) => `${count} x ${status}`);
  return outcomeNames
    .filter((name) => name === 'ok' || outcomes[name] > 0)
    .map((name) => {
      const note = name === 'http-error' && failed.length > 0 ? `  ${failed.join(', ')}` : '';
      return `${name.padEnd(18)}${String(outcomes[name]).padStart(7)}${note}`;
    });
}

function generatorLine(health: GeneratorHealth): string {
  return `generator: ${health.cpuPercent.toFixed(1)} % of a core, event loop late by ${milliseconds(health.eventLoopDelayP99Ms)} ms at P99`;
}

function milliseconds(value: number | null): string {
  return value === null ? '-' : value.toFixed(2);
}

function rate(hz: number): string {
  return `${hz >= 100 ? hz.toFixed(0) : hz.toPrecision(3)} requests/s`;
}
