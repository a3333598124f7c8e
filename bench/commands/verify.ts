import { configuredApplication, sampleApplication } from '../experiment/application-definition.ts';
import { loadConfig } from '../experiment/config-file.ts';
import { type ExternalFlags, externalCluster, refuseExternalFlags } from '../experiment/external-target.ts';
import { loadScenario } from '../experiment/scenario-file.ts';
import { exitCodes, type TopologyName } from '../model.ts';
import { withOwnCluster } from '../operations/own-cluster.ts';
import type { CheckResult } from '../operations/verify/check.ts';
import { checkLine, verify } from '../operations/verify/verify.ts';
import { verifyServers } from '../operations/verify-servers.ts';
import { verifyStack } from '../operations/verify-stack.ts';
import type { CommandContext } from './context.ts';
import type { StackFlags } from './operation-options.ts';

export interface VerifyFlags extends StackFlags, ExternalFlags {
  readonly topology: TopologyName;
  readonly replicas: number;
  readonly config?: string;
  readonly readPath: string;
}

/**
 * `verify`: the seed's five tests, one line each.
 * @returns 0 all ok, 1 a check failed, 4 a check was skipped
 * @throws EnvironmentError when there is nothing to verify
 */
export async function verifyCommand(flags: VerifyFlags, context: CommandContext): Promise<number> {
  const onCheck = (result: CheckResult) => context.write(`${checkLine(result)}\n`);
  const common = { readPath: flags.readPath, signal: context.signal, onCheck };
  if (flags.topology !== 'external') refuseExternalFlags(flags);
  if (flags.topology === 'compose')
    return exitCodeOf(await verifyStack({ ...common, project: flags.project, envFile: flags.envFile }));
  if (flags.topology === 'external') {
    const target = externalCluster(flags, process.env);
    return exitCodeOf(await verifyServers({ ...common, ...target, mayWrite: flags.allowWrites === true }));
  }
  return exitCodeOf(await verifyOwn(flags, context, onCheck));
}

async function verifyOwn(
  flags: VerifyFlags,
  context: CommandContext,
  onCheck: (result: CheckResult) => void,
): Promise<readonly CheckResult[]> {
  const { signal } = context;
  const config = await loadConfig(flags.config, context.workingFolder);
  const options = {
    ...{ topology: flags.topology, replicas: flags.replicas, readPath: flags.readPath, signal },
    application: config === undefined ? sampleApplication() : configuredApplication(config),
    scenario: await loadScenario('read-heavy', context.workingFolder),
    onStep: () => undefined,
  };
  context.write(`starting a cluster (${flags.topology}, ${flags.replicas} replicas) and its application\n`);
  return withOwnCluster(options, (target) => verify({ target, signal, onCheck }));
}

function exitCodeOf(results: readonly CheckResult[]): number {
  if (results.some(({ outcome }) => outcome === 'failed')) return exitCodes.fail;
  return results.some(({ outcome }) => outcome === 'skipped') ? exitCodes.inconclusive : exitCodes.pass;
}
