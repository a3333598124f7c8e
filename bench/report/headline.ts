import type { ArmResult, ComparisonRow, MetricId, RunResult } from '../model.ts';
import { comparisonRow, reportedArms } from './arms.ts';
import { describeArms, describeBlocks, isGateRun } from './gate/words.ts';
import { formatValue } from './main-table.ts';
import {
  formatChange,
  formatChangeInterval,
  formatConfidence,
  formatNumber,
  formatPlural,
} from './numbers.ts';
import { cpuUnit } from './quota.ts';
import { faultSentences } from './sections/faults.ts';

export interface Headline {
  /** PASS, FAIL, INCONCLUSIVE, INVALID or INTERRUPTED. */
  readonly word: string;
  /** What the word means for this run. */
  readonly reason: string;
  /** What was measured, in sentences, the most wanted first: figures, intervals, number of blocks. */
  readonly answer: readonly string[];
  /** What must be known before the answer is used; empty when there is nothing. */
  readonly caveats: readonly string[];
}

/** The run in a few sentences; every report begins with them. */
export function headline(result: RunResult): Headline {
  return { ...status(result), answer: answer(result), caveats: caveats(result) };
}

function status(result: RunResult): Pick<Headline, 'word' | 'reason'> {
  const { completion, validity } = result;
  const progress = `${completion.finishedBlocks} of ${formatPlural(completion.plannedBlocks, 'block')}`;
  const invalid = validity.findings.find(({ severity }) => severity === 'invalid');
  if (completion.outcome === 'failed') {
    const why = completion.reason === null ? '' : `: ${completion.reason}`;
    return { word: 'FAILED TO MEASURE', reason: `the run ended after ${progress}${why}.` };
  }
  if (completion.outcome === 'interrupted') {
    return { word: 'INTERRUPTED', reason: `the run was stopped after ${progress}. ${unfinished(result)}` };
  }
  if (completion.outcome === 'cut-off') {
    return { word: 'CUT OFF', reason: `the run was killed after ${progress}. ${unfinished(result)}` };
  }
  if (invalid !== undefined) {
    return {
      word: 'INVALID',
      reason: `the measurement cannot be believed, and its figures serve to find the fault only: ${invalid.message.replace(/\.+$/, '')}.`,
    };
  }
  if (isGateRun(result)) return { word: result.gate.verdict.toUpperCase(), reason: result.gate.sentence };
  if (result.verdict === 'pass') return { word: 'PASS', reason: passReason(result) };
  const sentences = sentencesOf(result);
  return {
    word: result.verdict.toUpperCase(),
    reason: sentences === '' ? 'no block was measured to its end.' : sentences,
  };
}

function unfinished(result: RunResult): string {
  const missed = result.verdict === 'fail' ? ` ${sentencesOf(result)}` : '';
  return `Only finished slices are counted.${missed}`;
}

function passReason(result: RunResult): string {
  const { objectives } = result;
  const kept =
    objectives.length === 0
      ? 'the scenario sets no objective'
      : `${formatPlural(objectives.length, 'objective')} kept`;
  const unjudged =
    result.interleaved || result.arms.length < 2 ? '' : '; the comparison itself gets no verdict';
  return `the measurement is valid and ${kept}${unjudged}.`;
}

/** The objectives that made the verdict. */
function sentencesOf(result: RunResult): string {
  return result.objectives
    .filter(({ verdict }) => verdict === result.verdict)
    .map(({ sentence }) => sentence)
    .join(' ');
}

function answer(result: RunResult): readonly string[] {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined || baseline.slices.length + (candidate?.slices.length ?? 0) === 0) {
    return ['No slice was finished, so nothing can be said.'];
  }
  if (isGateRun(result)) return [`${capital(describeArms(result))}, after ${describeBlocks(result)}.`];
  const broken = faultSentences(result);
  if (broken.length > 0) return broken;
  if (candidate === undefined) return answerForOneArm(result);
  const reads = comparisonRow(result, 'read.qps');
  if (reads === undefined || reads.ratio === null) {
    return [
      `Read QPS was not measured on both arms, so ${baseline.name} and ${candidate.name} cannot be compared on it.`,
    ];
  }
  const replicas = formatPlural(candidate.replicas, 'read replica');
  const rate = offeredRate(result);
  const differs = result.validity.findings.some(({ id }) => id === 'offered-rate-differs');
  const atRate = differs
    ? 'at different offered rates'
    : rate === null
      ? 'at the same offered rate'
      : `at the same offered ${formatNumber(rate)} requests/s`;
  return [
    `With ${replicas}, read QPS ${moved(result, 'read.qps', '/s')}, ${precision(reads)}; write QPS ${moved(result, 'write.qps', '/s')}.`,
    `${capital(atRate)}, P95 of reads ${moved(result, 'read.p95Ms', ' ms')}, P95 of writes ${moved(result, 'write.p95Ms', ' ms')}, and the CPU of the primary ${moved(result, 'primary.cpuPercent', ` ${cpuUnit(result)}`)}.`,
    cost(result, candidate),
  ].filter((sentence) => sentence !== '');
}

function answerForOneArm(result: RunResult): readonly string[] {
  const { baseline } = reportedArms(result);
  if (baseline === undefined) return [];
  const blocks = formatPlural(baseline.metrics['read.qps']?.blocks ?? 0, 'block');
  const rate = offeredRate(result);
  const atRate = rate === null ? '' : ` at an offered ${formatNumber(rate)} requests/s`;
  return [
    `${capital(baseline.name)}, measured by itself, serves ${formatValue(baseline, 'read.qps')} reads/s or ${formatValue(baseline, 'write.qps')} writes/s at saturation (n = ${blocks}).`,
    `P95 is ${formatValue(baseline, 'read.p95Ms')} ms for reads and ${formatValue(baseline, 'write.p95Ms')} ms for writes${atRate}, with the primary at ${formatValue(baseline, 'primary.cpuPercent')} ${cpuUnit(result)}.`,
    cost(result, baseline),
  ].filter((sentence) => sentence !== '');
}

/** What the replicas cost: their CPU, and how far they are behind. */
function cost(result: RunResult, arm: ArmResult): string {
  if (arm.replicas === 0) return '';
  const cpu = arm.metrics['replicas.cpuPercent'];
  const lag = arm.metrics['lag.p95Ms'];
  const cpuText = cpu === undefined ? 'was not observed' : `is ${formatNumber(cpu.value)} ${cpuUnit(result)}`;
  const lagText = lag === undefined ? 'was not observed' : `is ${formatNumber(lag.value)} ms at P95`;
  return `The CPU of the replicas ${cpuText} on average; replication lag ${lagText}.`;
}

/** `rose from 5,010/s to 12,000/s: +139 % [+131 to +147]`, and no direction that is not shown. */
function moved(result: RunResult, metric: MetricId, unit: string): string {
  const found = comparisonRow(result, metric);
  if (found === undefined || found.ratio === null) return 'was not measured on both arms';
  const span = `from ${formatNumber(found.baseline)} to ${formatNumber(found.candidate)}${unit}`;
  const interval = formatChangeInterval(found.ciLow, found.ciHigh);
  const change = `${formatChange(found.ratio)}${interval === '' ? '' : ` ${interval}`}`;
  const shown = result.interleaved && found.confidence !== null && found.confidence >= 0.95;
  if (!shown) return `went ${span}: ${change}`;
  if ((found.ciLow ?? 0) <= 1 && (found.ciHigh ?? 2) >= 1) {
    return `is not shown to change (${change}, ${span})`;
  }
  return `${found.ratio > 1 ? 'rose' : 'fell'} ${span}: ${change}`;
}

function precision(found: ComparisonRow): string {
  const blocks = `n = ${formatPlural(found.blocks, 'block')}`;
  if (found.confidence === null) return `${blocks}, too few for an interval`;
  const enough = found.confidence >= 0.95 ? '' : ', too few blocks for a conclusion';
  return `${blocks}, ${formatConfidence(found.confidence)} interval${enough}`;
}

/** Findings that change what the headline means stand beside it, not on the next page. */
const decisive = [
  'no-quota',
  'foreign-cpu',
  'app-bound',
  'reads-cached',
  'replica-unused',
  'overloaded',
  'few-requests',
  'lag-missing',
  'not-interleaved',
  'offered-rate-differs',
];

function caveats(result: RunResult): readonly string[] {
  return result.validity.findings
    .filter(({ id, severity }) => severity !== 'info' && decisive.includes(id))
    .map(({ message }) => `${capital(message.replace(/\.+$/, ''))}.`);
}

/** Rate of the steady slices, requests per second: the median of what was asked for. */
function offeredRate(result: RunResult): number | null {
  const rates = result.arms
    .flatMap((arm) => arm.slices)
    .filter((slice) => slice.kind === 'steady' && slice.offeredRateHz !== null)
    .map((slice) => slice.offeredRateHz ?? 0)
    .sort((a, b) => a - b);
  return rates[Math.floor(rates.length / 2)] ?? null;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
