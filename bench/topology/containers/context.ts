import type { DeathWatch } from '../docker/deaths.ts';
import type { DockerOutput } from '../docker/engine.ts';
import type { Guardian } from '../guardian.ts';
import type { Testcontainers } from './library.ts';

/** What everything of a run by testcontainers shares. */
export interface ContainersContext {
  readonly library: Testcontainers;
  readonly guardian: Guardian;
  /** Of everything that the run makes. */
  readonly labels: Readonly<Record<string, string>>;
  /** The same as `name=value`. */
  readonly label: string;
  readonly network: string;
  readonly postgresImage: string;
  readonly deaths: DeathWatch;
  /** Runs a docker command that the guardian can find and end. */
  readonly docker: (args: readonly string[], signal: AbortSignal, input?: string) => Promise<DockerOutput>;
}
