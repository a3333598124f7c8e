/** The topology of every build that a run measures: one for all arms, or one for each. */
import type { Finding, TopologyName } from '../model.ts';
import { Cleanup } from '../topology/cleanup.ts';
import { startGuardian } from '../topology/guardian.ts';
import type { Topology } from '../topology/topology.ts';
import type { ApplicationDefinition } from './application-definition.ts';
import type { ApplicationPort, Step, TopologyPort } from './ports.ts';
import { prepareDatabase } from './prepare.ts';
import { openTopology } from './topologies.ts';
import type { TopologyRequest } from './topology-request.ts';

export interface OpenedBuilds extends AsyncDisposable {
  readonly topology: TopologyPort & Pick<Topology, 'dataDir' | 'postgresVersion'>;
  readonly application: ApplicationPort;
}

/** What every build's topology is opened with, but for what is its own. */
export interface BuildsRequest extends Omit<TopologyRequest, 'guardian' | 'prepare' | 'onStep'> {
  readonly topology: TopologyName;
  /** Of arms whose application is another one than `application`, by the arm's name. */
  readonly builds?: ReadonlyMap<string, ApplicationDefinition> | undefined;
}

interface OpenedBuild {
  readonly topology: Topology;
  readonly application: ApplicationPort;
}

/**
 * Builds prepare their own data, because what one changes may be the schema; each has a guardian, and so
 * folders, groups and names of its own.
 * Throws UsageError, EnvironmentError, or the signal's reason; leaves nothing behind then.
 */
export async function openBuilds(
  options: BuildsRequest,
  runId: string,
  onStep: (step: Step) => void,
): Promise<OpenedBuilds> {
  const cleanup = new Cleanup();
  const open = async (definition: ApplicationDefinition, id: string): Promise<OpenedBuild> => {
    const { scenario, signal } = options;
    const guardian = cleanup.use(await startGuardian({ runId: id }));
    const opened = await openTopology(options.topology, {
      ...options,
      application: definition,
      guardian,
      prepare: (primary) => prepareDatabase(definition, primary, scenario.data, id, signal),
      onStep,
    });
    cleanup.use(opened.topology);
    return opened;
  };
  try {
    const builds = [...(options.builds ?? [])];
    const opening = [
      open(options.application, runId),
      ...builds.map(([, definition], index) => open(definition, `${runId}-build${index + 1}`)),
    ] as const;
    // What still opens must not outlive the clean-up.
    await Promise.allSettled(opening);
    const [common, ...others] = await Promise.all(opening);
    const own = new Map(builds.map(([arm], index) => [arm, others[index]]));
    const of = (arm: string): OpenedBuild => own.get(arm) ?? common;
    const all = [common, ...others];
    const { limitMethod, nodeCpus, postgresVersion, dataDir } = common.topology;
    return {
      topology: {
        ...{ limitMethod, nodeCpus, postgresVersion, dataDir },
        findings: withoutRepeats(all.flatMap(({ topology }) => topology.findings)),
        start: (arm, signal) => of(arm.name).topology.start(arm, signal),
      },
      application: {
        name: common.application.name,
        start: (arm, nodes, signal) => of(arm.name).application.start(arm, nodes, signal),
      },
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

function withoutRepeats(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.id} ${finding.message}`, finding])).values()];
}
