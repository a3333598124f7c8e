/**
 * The port behind which PostgreSQL comes from somewhere: today embedded binaries, later containers,
 * compose files or servers that somebody else runs. A topology is made once per run and started anew
 * for every arm of every block, so that no arm inherits the other's bloat, caches or statistics.
 */
import type { CpuSource, Finding, LimitMethod, MemorySource, NodeAddress, TopologyName } from '../model.ts';

export interface Step {
  readonly name: string;
  readonly durationMs: number;
}

export interface Topology extends AsyncDisposable {
  readonly name: TopologyName;
  readonly limitMethod: LimitMethod;
  /** Cores each node is really held to, null = not limited. */
  readonly nodeCpus: number | null;
  readonly findings: readonly Finding[];
  /** For example `17.10`. */
  readonly postgresVersion: string;
  /** Where the nodes keep their data; null when that is out of our reach. */
  readonly dataDir: string | null;
  /** What it took to make this topology, in order. */
  readonly steps: readonly Step[];
  /**
   * Starts a fresh primary and its replicas, all streaming, not yet held to their quotas.
   * Throws EnvironmentError when a node does not come up, the signal's reason when aborted.
   */
  start(arm: { readonly replicas: number }, signal: AbortSignal): Promise<RunningTopology>;
}

export interface RunningTopology extends AsyncDisposable {
  /** The primary first, then replica1, replica2 ... */
  readonly nodes: readonly RunningNode[];
  readonly steps: readonly Step[];
  /**
   * Resolves when every replica has replayed what the primary had written at the time of the call.
   * Throws EnvironmentError naming the node and its lag after `timeoutMs`.
   */
  waitUntilCaughtUp(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Resolves once the copied data is on the disk: until then the writing of it slows down whatever is measured.
   * Throws what went wrong with that.
   */
  settled(): Promise<void>;
  /**
   * Holds every node to its quota from now on, once it has settled. A cluster starts
   * without: starting, connecting and filling caches under the quota would take several times as long
   * and are not what is measured.
   */
  enforceLimits(): Promise<void>;
  /** Settles when a node ends unasked, and never rejects. */
  readonly lost: Promise<Loss>;
}

/** Something ended that nobody asked to end; `reason` is a sentence with the last lines of its log. */
export interface Loss {
  readonly node: string;
  readonly reason: string;
}

export interface RunningNode {
  readonly address: NodeAddress;
  /** Another one after each start, where it is a process. */
  readonly cpu: CpuSource;
  readonly memory?: MemorySource;
  /** An orderly end: fast shutdown. Not a loss. */
  stop(): Promise<void>;
  /** The machine goes dark: every process of the node gets SIGKILL. Not a loss, because it was asked for. */
  kill(): Promise<void>;
  /** After `stop` or `kill`, on the same port and data; resolves when it answers. Absent where that cannot be done. */
  start?(): Promise<void>;
  /** The machine hangs: every process of the node is stopped, its connections stay open. */
  pause(): void | Promise<void>;
  resume(): void | Promise<void>;
}
