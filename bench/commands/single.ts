import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { combineRuns, differences } from '../analysis/combine.ts';
import { joinViews, type RunView } from '../analysis/run-view.ts';
import { listRunFolders } from '../experiment/run-folder.ts';
import { type Arm, type RunPlan, type RunResult, type Scenario, UsageError } from '../model.ts';
import { renderReport } from '../report/files.ts';
import { renderJson } from '../report/json.ts';
import type { CommandContext } from './context.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { baselineArm, chooseConfig, chooseScenario, conclude, measure, replicatedArm } from './measure.ts';
import { analyseRun, replaceFile, writeFiles } from './report-files.ts';

/**
 * `measure <arm>`: one arm alone. The newest completed run of the other arm under the same scenario
 * and seed is looked for; when machine, quotas and everything else is the same, this arm is offered
 * the rate of that run, and the comparison is written into comparison.md and comparison.json, marked
 * as not interleaved.
 * @returns the exit code of the result
 */
export async function single(name: string, flags: ExperimentFlags, context: CommandContext): Promise<number> {
  const arm = armOf(name, flags);
  const config = await chooseConfig(flags, context);
  const scenario = await chooseScenario(flags, config, context);
  const other = await newestOther(arm, scenario, flags, context);
  let comparable = false;
  const reuseCalibration = (plan: RunPlan) => {
    if (other === undefined) return undefined;
    const why = differences(other.plan, plan);
    comparable = why.length === 0 && other.result.calibration !== null;
    if (!comparable) context.write(`  not comparable with run ${other.plan.runId}: ${why.join('; ')}\n`);
    if (!comparable || other.result.calibration === null) return undefined;
    return { fromRun: other.plan.runId, ...other.result.calibration };
  };
  const request = { scenario, config, arms: [arm], reuseCalibration };
  const measured = await measure(request, flags, context);
  const { folder, result, view } = measured;
  conclude(measured, context);
  if (other !== undefined && comparable && result.completion.outcome === 'completed') {
    const pair: [RunView, RunView] = arm.name === 'baseline' ? [view, other.view] : [other.view, view];
    await writeComparison(folder, ...pair);
    context.write(
      `comparison with run ${other.plan.runId} of ${other.plan.arms[0]?.name}, not interleaved: comparison.html and comparison.md beside it\n`,
    );
  }
  return result.exitCode;
}

function armOf(name: string, flags: ExperimentFlags): Arm {
  if (name === 'baseline') return baselineArm(flags);
  if (name === 'replicated') return replicatedArm(flags);
  throw new UsageError(`there is no arm "${name}"; measure baseline or replicated`);
}

interface OtherRun {
  readonly plan: RunPlan;
  readonly result: RunResult;
  readonly view: RunView;
}

async function newestOther(
  arm: Arm,
  scenario: Scenario,
  flags: ExperimentFlags,
  context: CommandContext,
): Promise<OtherRun | undefined> {
  for (const folder of await listRunFolders(flags.out)) {
    try {
      const plan: RunPlan = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8'));
      if (!matches(plan, arm, scenario, flags.seed)) continue;
      const { result, view } = await analyseRun(folder, flags.out);
      if (result.completion.outcome === 'completed') return { plan, result, view };
    } catch (error) {
      // What a kill or a full disk has left of an old run must not stop a new one.
      context.write(`  ignored ${folder}: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  return undefined;
}

function matches(plan: RunPlan, arm: Arm, scenario: Scenario, seed: number): boolean {
  const [only, ...more] = plan.arms;
  const same = JSON.stringify(plan.scenario) === JSON.stringify(scenario) && plan.seed === seed;
  return same && only !== undefined && more.length === 0 && only.name !== arm.name;
}

async function writeComparison(folder: string, baseline: RunView, candidate: RunView): Promise<void> {
  const combined = combineRuns(baseline.result, candidate.result);
  const view = joinViews(combined, baseline, candidate);
  await replaceFile(join(folder, 'comparison.json'), renderJson(combined));
  await writeFiles(folder, renderReport(view, 'comparison', 'comparison-charts'));
}
