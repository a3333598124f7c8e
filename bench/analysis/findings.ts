import type { ArmResult, Finding, RunResult, SliceKind, SliceResult } from '../model.ts';

interface FailedSlice {
  readonly arm: string;
  readonly block: number;
  readonly kind: SliceKind;
  readonly reason: string;
}

const severityRank = { invalid: 0, warning: 1, info: 2 } as const;

/**
 * Findings about the run as a whole: how it ended, slices that failed, and those of its slices, one
 * line per id, naming the first slice and how many more there were. `settled` = it is a gate that ended
 * because it was decided, so that the blocks it did not measure are not missing.
 */
export function assessRun(
  completion: RunResult['completion'],
  failures: readonly FailedSlice[],
  arms: readonly ArmResult[],
  settled = false,
): readonly Finding[] {
  return [
    ...assessCompletion(completion, settled),
    ...failures.map((failure) => assessFailure(failure, completion)),
    ...gatherSliceFindings(arms),
  ];
}

/** One line for all blocks that ended early; the figures of their arms are of what both had until then. */
export function assessCuts(
  cuts: readonly { readonly block: number; readonly reason: string }[],
): readonly Finding[] {
  const [first] = cuts;
  if (first === undefined) return [];
  const others = cuts.length === 1 ? '' : ` (${cuts.length} blocks in all)`;
  const message = `block ${first.block} ended early: ${first.reason}, so its other slices were not measured${others}`;
  return [{ severity: 'warning', id: 'block-cut', message }];
}

/** Removes repetitions and puts the gravest first; otherwise the order stays. */
export function mergeFindings(findings: readonly Finding[]): readonly Finding[] {
  const unique = new Map(findings.map((finding) => [`${finding.id}\n${finding.message}`, finding]));
  return [...unique.values()].sort((a, b) => severityRank[a.severity] - severityRank[b.severity]);
}

function assessCompletion(completion: RunResult['completion'], settled: boolean): readonly Finding[] {
  const { outcome, reason, plannedBlocks, finishedBlocks } = completion;
  if (outcome === 'completed' && (settled || finishedBlocks >= plannedBlocks)) return [];
  const how = {
    completed: 'ended',
    interrupted: 'was interrupted',
    failed: 'failed',
    'cut-off': 'was cut off (its journal has no end)',
  }[outcome];
  return [
    {
      severity: 'warning',
      id: 'incomplete',
      message: `the run ${how} after ${finishedBlocks} of ${plannedBlocks} blocks${reason === null ? '' : `: ${reason}`}; only finished slices are counted`,
    },
  ];
}

function assessFailure(failure: FailedSlice, completion: RunResult['completion']): Finding {
  const { arm, block, kind, reason } = failure;
  return {
    // In a run that went on, what is left is chosen by what failed: slices that an arm cannot bear go missing.
    severity: completion.outcome === 'completed' ? 'invalid' : 'warning',
    id: 'slice-failed',
    message: `${arm}, block ${block}, ${kind}: ${reason}`,
  };
}

function gatherSliceFindings(arms: readonly ArmResult[]): readonly Finding[] {
  const all = arms.flatMap((arm) => arm.slices).flatMap((slice) => slice.findings);
  const kinds = [...new Set(all.map(({ severity, id }) => `${severity} ${id}`))];
  return kinds.flatMap((kind) => {
    const same = all.filter(({ severity, id }) => `${severity} ${id}` === kind);
    const [first] = same;
    if (first === undefined) return [];
    return [{ ...first, message: first.message + describeOthers(kind, arms, same.length) }];
  });
}

/** `; seen in 4 of 36 slices: baseline steady 1 of 6, replicated write-saturation 3 of 6`. */
function describeOthers(kind: string, arms: readonly ArmResult[], count: number): string {
  if (count < 2) return '';
  if (count === arms.flatMap((arm) => arm.slices).length) return ` (in all ${count} slices)`;
  const has = (slice: SliceResult): boolean =>
    slice.findings.some(({ severity, id }) => `${severity} ${id}` === kind);
  const places = arms.flatMap((arm) =>
    [...new Set(arm.slices.map((slice) => slice.kind))].flatMap((name) => {
      const ofKind = arm.slices.filter((slice) => slice.kind === name);
      const seen = ofKind.filter(has).length;
      return seen === 0 ? [] : [`${arm.name} ${name} ${seen} of ${ofKind.length}`];
    }),
  );
  return ` (seen in ${count} slices: ${places.join(', ')})`;
}
