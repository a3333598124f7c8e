import type { CommandContext } from './context.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { baselineArm, chooseConfig, chooseScenario, conclude, measure, replicatedArm } from './measure.ts';

/**
 * `compare`: baseline against replicated, interleaved block by block.
 * @returns the exit code of the result
 */
export async function compare(flags: ExperimentFlags, context: CommandContext): Promise<number> {
  const config = await chooseConfig(flags, context);
  const scenario = await chooseScenario(flags, config, context);
  const arms = [baselineArm(flags), replicatedArm(flags)];
  const measured = await measure({ scenario, config, arms }, flags, context);
  conclude(measured, context);
  return measured.result.exitCode;
}
