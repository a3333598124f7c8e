import { configuredApplication, untoldOf } from '../experiment/application-definition.ts';
import type { LoadedConfig } from '../experiment/config-file.ts';
import { type Arm, type TopologyName, UsageError } from '../model.ts';
import { parseArms } from './arms.ts';
import type { CommandContext } from './context.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { withFaults } from './faults.ts';
import { baselineArm, chooseConfig, chooseScenario, conclude, measure, replicatedArm } from './measure.ts';

/**
 * `compare`: baseline against replicated, or whatever `--arms` names, interleaved block by block.
 * @returns the exit code of the result
 */
export async function compare(flags: ExperimentFlags, context: CommandContext): Promise<number> {
  const config = await chooseConfig(flags, context);
  const scenario = withFaults(await chooseScenario(flags, config, context), flags.fault ?? []);
  const arms =
    flags.arms === undefined ? [baselineArm(flags), replicatedArm(flags)] : parseArms(flags.arms, flags);
  refuseUntold(arms, config);
  // A node that has just come back and a link in the way would be part of every other slice's figures.
  const slices = scenario.faults === undefined ? undefined : (['steady'] as const);
  const measured = await measure({ scenario, config, arms, slices }, flags, context);
  conclude(measured, context);
  return measured.result.exitCode;
}

/** Only an application that a run starts itself can be told of a policy, and its configuration has to pass it on. */
function refuseUntold(arms: readonly Arm[], config: LoadedConfig | undefined): void {
  const untold = arms.find(({ topology, routing }) => routing === 'balanced' && !startsApplication(topology));
  if (untold !== undefined) {
    throw new UsageError(
      `--arms: ${untold.name} cannot be measured with --topology ${untold.topology}, whose application is not started by the run; use embedded or testcontainers`,
    );
  }
  if (config === undefined) return;
  const application = configuredApplication(config);
  for (const arm of arms) {
    const what = untoldOf(application, arm);
    if (what === null) continue;
    throw new UsageError(
      `--arms: ${arm.name} cannot be told to ${application.name}: app.env in ${config.path} returns the same without ${what}; docs/your-application.md says how to pass it on`,
    );
  }
}

function startsApplication(topology: TopologyName): boolean {
  return topology === 'embedded' || topology === 'testcontainers';
}
