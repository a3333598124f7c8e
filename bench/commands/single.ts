import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { combineRuns, differences, steadyRateHz } from '../analysis/combine.ts';
import { listRunFolders } from '../experiment/run-folder.ts';
import { type Arm, type RunPlan, type RunResult, type Scenario, UsageError } from '../model.ts';
import { renderJson } from '../report/json.ts';
import { renderMarkdown } from '../report/markdown.ts';
import type { CommandContext } from './context.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { baselineArm, chooseConfig, chooseScenario, measure, printResult, replicatedArm } from './measure.ts';
import { analyseRun } from './report-files.ts';

/**
 * `measure <arm>`: one arm alone. The newest completed run of the other arm under the same scenario
 * and seed gives the rate to offer; when machine and server are the same as well, the comparison is
 * written into comparison.md and comparison.json, marked as not interleaved.
 * @returns the exit code of the result
 */
export async function single(name: string, flags: ExperimentFlags, context: CommandContext): Promise<number> {
  const arm = armOf(name, flags);
  const config = await chooseConfig(flags, context);
  const scenario = await chooseScenario(flags, config, context);
  const other = await newestOther(arm, scenario, flags);
  const rate = other === undefined ? null : steadyRateHz(other);
  const request = { scenario, config, arms: [arm], steadyRateHz: rate ?? undefined };
  const { folder, result, end } = await measure(request, flags, context);
  printResult(folder, result, context);
  if (end.outcome === 'failed') throw end.error;
  if (other !== undefined && end.outcome === 'completed')
    await compareWith(other, arm, folder, result, context);
  return result.exitCode;
}

function armOf(name: string, flags: ExperimentFlags): Arm {
  if (name === 'baseline') return baselineArm();
  if (name === 'replicated') return replicatedArm(flags);
  throw new UsageError(`there is no arm "${name}"; measure baseline or replicated`);
}

async function newestOther(
  arm: Arm,
  scenario: Scenario,
  flags: ExperimentFlags,
): Promise<RunResult | undefined> {
  for (const folder of await listRunFolders(flags.out)) {
    const text = await readFile(join(folder, 'plan.json'), 'utf8').catch(() => undefined);
    if (text === undefined || !matches(JSON.parse(text) as RunPlan, arm, scenario, flags.seed)) continue;
    const { result } = await analyseRun(folder, flags.out);
    if (result.completion.outcome === 'completed') return result;
  }
  return undefined;
}

function matches(plan: RunPlan, arm: Arm, scenario: Scenario, seed: number): boolean {
  const [only, ...more] = plan.arms;
  const same = JSON.stringify(plan.scenario) === JSON.stringify(scenario) && plan.seed === seed;
  return same && only !== undefined && more.length === 0 && only.name !== arm.name;
}

async function compareWith(
  other: RunResult,
  arm: Arm,
  folder: string,
  result: RunResult,
  context: CommandContext,
): Promise<void> {
  const otherName = other.arms[0]?.name;
  const why = differences(other, result);
  if (why.length > 0) {
    context.write(`not compared with run ${other.runId} of ${otherName}: ${why.join(', ')}\n`);
    return;
  }
  const combined = arm.name === 'baseline' ? combineRuns(result, other) : combineRuns(other, result);
  await writeFile(join(folder, 'comparison.json'), renderJson(combined));
  await writeFile(join(folder, 'comparison.md'), renderMarkdown(combined));
  context.write(
    `comparison with run ${other.runId} of ${otherName}, not interleaved: comparison.md beside it\n`,
  );
}
