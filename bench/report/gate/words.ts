import type { ArmResult, Build, GateRecord, GateResult, GateRow, MetricId, RunResult } from '../../model.ts';
import { formatCount, formatPlural, formatShare, minus, missing } from '../numbers.ts';

/** A run with the gate that it is. */
export interface GateRun extends RunResult {
  readonly gate: GateResult;
}

export function isGateRun(result: RunResult): result is GateRun {
  return result.gate !== undefined;
}

/** `+8.2 %` is worse by that much, `−1.1 %` better. */
export function formatEffect(effect: number | null): string {
  return effect === null ? missing : `${signedPercent(effect)} %`;
}

/** `[+5.1 to +11.4]`, in percent like {@link formatEffect}; empty without an interval. */
export function formatEffectInterval({ low, high }: Pick<GateRow, 'low' | 'high'>): string {
  return low === null || high === null ? '' : `[${signedPercent(low)} to ${signedPercent(high)}]`;
}

/** One decimal below 100 %: limits are a few percent, and 10.4 % is not 10 %. */
function signedPercent(share: number): string {
  const size = Math.abs(share * 100);
  const text = size < 99.95 ? size.toFixed(1) : formatCount(size);
  if (Number(text) === 0) return '0';
  return (share < 0 ? minus : '+') + text;
}

/** A probability: 0.0123 is `0.012`, less than a thousandth is said to be so. */
export function formatP(p: number | null): string {
  if (p === null) return missing;
  return p < 0.001 ? '< 0.001' : String(Number(p.toPrecision(2)));
}

/** What was measured against what: `candidate (working tree) against reference (main, commit 1a2b3c4d5e6f)`. */
export function describeArms({ arms }: Pick<RunResult, 'arms'>): string {
  const [reference, candidate] = arms.map(({ name, build }) =>
    build === undefined ? name : `${name} (${describeBuild(build)})`,
  );
  return `${candidate ?? 'nothing'} against ${reference ?? 'nothing'}`;
}

/** `main, commit 1a2b3c4d5e6f`, `working tree, commit 1a2b3c4d5e6f with changes`. */
export function describeBuild({ ref, commit, dirty }: Build): string {
  const hash = commit === null ? '' : `commit ${commit.slice(0, 12)}`;
  const state = [hash, dirty ? 'with changes' : ''].filter((part) => part !== '').join(' ');
  return state === '' ? ref : `${ref}, ${state}`;
}

/** `8 of at most 24 blocks`. */
export function describeBlocks({ completion }: Pick<RunResult, 'completion'>): string {
  return `${completion.finishedBlocks} of at most ${formatPlural(completion.plannedBlocks, 'block')}`;
}

/** `120 A/A runs, 0 false alarms, 95 % bound 2.5 %, 1 inconclusive`: how often such a gate cries wolf. */
export function describeRecord({ runs, falseAlarms, inconclusive, bound }: GateRecord): string {
  return [
    formatPlural(runs, 'A/A run'),
    formatPlural(falseAlarms, 'false alarm'),
    `95 % bound ${formatShare(bound)}`,
    `${inconclusive} inconclusive`,
  ].join(', ');
}

/** What the rules ask for and no row answers. */
export function unansweredMetrics({ rules, rows }: GateResult): readonly MetricId[] {
  const answered = new Set(rows.map(({ metric }) => metric));
  return rules.metrics.map(({ metric }) => metric).filter((metric) => !answered.has(metric));
}

export function gateArmNames({ arms }: { readonly arms: readonly Pick<ArmResult, 'name'>[] }): {
  readonly reference: string;
  readonly candidate: string;
} {
  return { reference: arms[0]?.name ?? 'reference', candidate: arms[1]?.name ?? 'candidate' };
}
