/** The compose project of a run: called like the run, so that guardian and sweep find it by its label. */
import type { DeathWatch } from '../docker/deaths.ts';
import { projectLabel, removeContainers } from '../docker/leftovers.ts';
import type { Guardian } from '../guardian.ts';
import type { Step } from '../topology.ts';

/** What every visit needs to run its stack. */
export interface StackContext {
  readonly guardian: Guardian;
  readonly folder: string;
  readonly overrideFolder: string;
  readonly data: Readonly<Record<string, string>>;
  readonly nodeCpus: number | null;
  readonly deaths: DeathWatch;
  readonly onStep: (step: Step) => void;
}

/** Without replicas the plain file, with them the replicated one. */
export function composeFileOf(replicas: number): string {
  return replicas === 0 ? 'docker-compose.yml' : 'docker-compose.replication.yml';
}

/** Everything of the project, whatever state it is in. */
export async function removeProject(runName: string, looks?: number): Promise<void> {
  const left = await removeContainers([`${projectLabel}=${runName}`], 60_000, looks);
  if (left.length > 0) throw new Error(left.join('; '));
}
