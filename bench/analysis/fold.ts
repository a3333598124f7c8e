import {
  type Arm,
  type ArmResult,
  type ComparisonRow,
  EnvironmentError,
  type Finding,
  type JournalEntry,
  type Reading,
  type RunPlan,
  type RunResult,
  type SliceKind,
} from '../model.ts';
import { findBottleneck } from './bottleneck.ts';
import { compareMetrics } from './compare.ts';
import { assessEnvironment } from './environment.ts';
import { faultWindows } from './fault-windows.ts';
import { assessCuts, assessRun, mergeFindings } from './findings.ts';
import { finishedBlocks, measuredKinds } from './finished-blocks.ts';
import { isSettled } from './gate/decided.ts';
import { withJudgedErrors } from './gate/judged-errors.ts';
import { gateOfRun, qualifyGate } from './gate/of-run.ts';
import { summarizeMetrics } from './metrics.ts';
import { judgeObjectives } from './objectives.ts';
import { type MeasuredSlice, nodeNames, replicaNames, type SliceEnd, summarizeSlice } from './slice.ts';
import { beginPart, type CurrentSlice, mergeParts } from './slice-parts.ts';
import type { SliceReadings } from './slice-readings.ts';
import { assessSteadyState } from './steady-state.ts';
import { conclude } from './verdict.ts';

export interface JournalFold {
  /** Takes the journal's entries in their order. */
  add(entry: JournalEntry): void;
  /**
   * The result of what was added so far; a journal without its `end` gives completion `cut-off`.
   * @throws EnvironmentError when there was no plan: nothing is known about such a run
   */
  result(): RunResult;
}

type Of<Type extends JournalEntry['type']> = Extract<JournalEntry, { readonly type: Type }>;

/**
 * Turns a journal into a result, entry by entry. Keeps one summary per finished slice, and of
 * the current one the readings near its edges and a line a second of its progress, so memory hardly grows
 * with the length of slices.
 */
export function createJournalFold(): JournalFold {
  let plan: RunPlan | null = null;
  let calibration: RunResult['calibration'] = null;
  let current: CurrentSlice | null = null;
  let end: Of<'end'> | null = null;
  let settings: Of<'postgres-settings'>['settings'] | null = null;
  const steps: RunResult['steps'][number][] = [];
  const findings: Finding[] = [];
  const failures: Of<'slice-failed'>[] = [];
  // By arm, block and kind: a slice that was measured again replaces the first.
  const slices = new Map<string, MeasuredSlice & { readonly arm: string }>();

  /** Slices of which some parts are measured, others not yet; `seen` = what was read during the former. */
  const begun = new Map<string, CurrentSlice & { readonly seen: SliceReadings }>();
  const cuts: Of<'block-cut'>[] = [];
  const subjects = new Map<string, Set<string>>();

  const noteSubject = (arm: string, { subject, values }: Reading): void => {
    if (!('cpuMs' in values)) return;
    const known = subjects.get(arm) ?? new Set();
    subjects.set(arm, known.add(subject));
  };

  const finishSlice = (entry: SliceEnd): void => {
    const started = current;
    current = null;
    if (plan === null || started === null || keyOf(started.start) !== keyOf(entry)) return;
    const arm = plan.arms.find(({ name }) => name === entry.arm);
    if (arm === undefined || !isMeasured(entry.kind)) return;
    const { startedAtMs, durationMs } = entry.load;
    const readings = started.readings.close(startedAtMs, startedAtMs + durationMs);
    if (entry.part !== undefined && entry.part < (plan.parts?.[entry.kind]?.count ?? 1)) {
      begun.set(keyOf(entry), { ...started, parts: [...started.parts, entry], seen: readings });
      return;
    }
    begun.delete(keyOf(entry));
    summarize(plan, arm, { ...started, parts: [...started.parts, entry] }, readings);
  };

  /** What there is of a slice, which is all of it unless its block was cut short. */
  const summarize = (plan: RunPlan, arm: Arm, slice: CurrentSlice, readings: SliceReadings): void => {
    const [first, ...more] = slice.parts;
    if (first === undefined) return;
    const whole = mergeParts([first, ...more]);
    const { result, allLag } = summarizeSlice(whole, readings, plan, arm, subjects.get(arm.name) ?? []);
    // What is broken on purpose is no steady state, and is not meant to be.
    const faults = faultWindows(slice.faults, whole.load);
    const unsteady = faults.length > 0 ? [] : assessSteadyState(whole, slice.progress, plan.scenario);
    slices.set(keyOf(first), {
      arm: arm.name,
      result: {
        ...result,
        ...(faults.length === 0 ? {} : { faults }),
        findings: [
          ...(faults.length === 0 ? result.findings : withExpectedErrors(result.findings)),
          ...unsteady,
        ],
      },
      allLag,
    });
  };

  const cutBlock = (entry: Of<'block-cut'>): void => {
    cuts.push(entry);
    for (const [key, slice] of begun) {
      const arm = plan?.arms.find(({ name }) => name === slice.start.arm);
      if (slice.start.block !== entry.block || plan === null || arm === undefined) continue;
      begun.delete(key);
      summarize(plan, arm, slice, slice.seen);
    }
  };

  return {
    add(entry) {
      switch (entry.type) {
        case 'plan':
          plan = entry.plan;
          return;
        case 'postgres-settings':
          // Every visit starts servers of its own with the same settings; the first speaks for all.
          settings ??= entry.settings;
          return;
        case 'step':
          steps.push({ name: entry.name, durationMs: entry.durationMs });
          return;
        case 'finding':
          findings.push(entry.finding);
          return;
        case 'calibration':
          calibration = {
            capacityHz: entry.capacityHz,
            steadyRateHz: entry.steadyRateHz,
            ...(entry.fromRun === undefined ? {} : { fromRun: entry.fromRun }),
          };
          return;
        case 'slice-start':
          current = beginPart(entry, begun.get(keyOf(entry)));
          return;
        case 'readings':
          if (current === null) return;
          for (const reading of entry.readings) {
            current.readings.add(reading);
            noteSubject(current.start.arm, reading);
          }
          return;
        case 'progress':
          current?.progress.push(entry);
          return;
        case 'fault':
          current?.faults.push(entry);
          return;
        case 'slice-end':
          finishSlice(entry);
          return;
        case 'slice-failed':
          current = null;
          failures.push(entry);
          return;
        case 'block-cut':
          cutBlock(entry);
          return;
        case 'end':
          end = entry;
          return;
      }
    },
    result() {
      if (plan === null) {
        throw new EnvironmentError(
          'the journal has no plan entry: the run was stopped before it began; measure again',
        );
      }
      const fingerprint = {
        ...plan.fingerprint,
        postgresSettings: settings ?? plan.fingerprint.postgresSettings,
      };
      const measuredPlan = { ...plan, fingerprint };
      return assemble({
        plan: measuredPlan,
        calibration,
        end,
        steps,
        findings,
        failures,
        cuts,
        slices: [...slices.values()],
      });
    },
  };
}

interface Folded {
  readonly plan: RunPlan;
  readonly calibration: RunResult['calibration'];
  readonly end: Of<'end'> | null;
  readonly steps: RunResult['steps'];
  readonly findings: readonly Finding[];
  readonly failures: readonly Of<'slice-failed'>[];
  readonly cuts: readonly Of<'block-cut'>[];
  readonly slices: readonly (MeasuredSlice & { readonly arm: string })[];
}

function assemble(folded: Folded): RunResult {
  const { plan, end } = folded;
  const measured = plan.arms.map((arm) =>
    summarizeArm(
      arm,
      folded.slices.filter((slice) => slice.arm === arm.name),
    ),
  );
  const cut = folded.cuts.map(({ block }) => block);
  const finished = finishedBlocks(measured, plan, cut);
  const decided = gateOfRun(plan, measured, finished);
  const arms = withJudgedErrors(measured, decided);
  const completion: RunResult['completion'] = {
    outcome: end?.outcome ?? 'cut-off',
    reason: end?.reason ?? null,
    plannedBlocks: plan.blocks,
    finishedBlocks: finished.length,
  };
  const found = mergeFindings([
    ...folded.findings,
    ...assessCuts(folded.cuts),
    ...assessRun(completion, folded.failures, arms, decided !== undefined && isSettled(decided)),
    ...assessEnvironment(plan, withoutBlocks(arms, cut)).filter(({ id }) =>
      folded.findings.every((known) => known.id !== id),
    ),
  ]);
  const objectives = judgeObjectives(plan.scenario.objectives, arms);
  const validity = { ok: found.every(({ severity }) => severity !== 'invalid'), findings: found };
  const further = compareFurther(arms, plan.interleaved);
  const gate = decided === undefined ? {} : { gate: qualifyGate(decided, { validity, completion }) };
  return {
    schemaVersion: 1,
    runId: plan.runId,
    startedAt: plan.startedAt,
    command: plan.command,
    scenario: plan.scenario,
    seed: plan.seed,
    application: plan.application,
    fingerprint: plan.fingerprint,
    nodeCpus: plan.nodeCpus,
    limitMethod: plan.limitMethod,
    interleaved: plan.interleaved,
    completion,
    calibration: folded.calibration,
    validity,
    arms,
    comparison: compareArms(arms, plan.interleaved),
    ...(further.length === 0 ? {} : { further }),
    objectives,
    ...gate,
    steps: folded.steps,
    ...conclude({ completion, validity, objectives, ...gate }),
  };
}

/**
 * A block that was cut short tells of the arm that broke down and not of the machine: what ran beside the other one was
 * no other program, but requests of the first that nobody waits for any more.
 */
function withoutBlocks(arms: readonly ArmResult[], blocks: readonly number[]): readonly ArmResult[] {
  return arms.map((arm) => ({ ...arm, slices: arm.slices.filter(({ block }) => !blocks.includes(block)) }));
}

function summarizeArm(arm: Arm, slices: readonly MeasuredSlice[]): ArmResult {
  const results = slices.map(({ result }) => result);
  return {
    ...arm,
    nodes: nodeNames(arm),
    slices: results,
    metrics: summarizeMetrics(slices, replicaNames(arm)),
    bottleneck: Object.fromEntries(
      measuredKinds.flatMap((kind) => {
        const bottleneck = findBottleneck(results, kind, arm);
        return bottleneck === null ? [] : [[kind, bottleneck] as const];
      }),
    ),
  };
}

/** Compares the arm named `baseline`, or else the first, with the other one; [] with a single arm. */
export function compareArms(arms: readonly ArmResult[], interleaved: boolean): readonly ComparisonRow[] {
  const baseline = arms.find(({ name }) => name === 'baseline') ?? arms[0];
  const candidate = arms.find((arm) => arm !== baseline);
  if (baseline === undefined || candidate === undefined) return [];
  return compareMetrics(baseline.metrics, candidate.metrics, { interleaved });
}

/** Where something was broken on purpose, what was lost by it is the result and no fault of the measurement. */
function withExpectedErrors(findings: readonly Finding[]): readonly Finding[] {
  return findings.map((finding) =>
    finding.id === 'error-ratio' && finding.severity === 'invalid'
      ? { ...finding, severity: 'warning' }
      : finding,
  );
}

/** Every arm beyond the two of `compareArms` against the same baseline. */
function compareFurther(arms: readonly ArmResult[], interleaved: boolean): NonNullable<RunResult['further']> {
  const baseline = arms.find(({ name }) => name === 'baseline') ?? arms[0];
  if (baseline === undefined) return [];
  const others = arms.filter((arm) => arm !== baseline).slice(1);
  return others.map((arm) => ({
    arm: arm.name,
    comparison: compareMetrics(baseline.metrics, arm.metrics, { interleaved }),
  }));
}

function isMeasured(kind: SliceKind): boolean {
  return measuredKinds.some((measured) => measured === kind);
}

function keyOf(slice: { readonly arm: string; readonly block: number; readonly kind: SliceKind }): string {
  return `${slice.block} ${slice.kind} ${slice.arm}`;
}
