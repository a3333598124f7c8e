import type { Links } from '../faults/links.ts';
import type {
  Arm,
  CpuSource,
  Finding,
  JournalEntry,
  LimitMethod,
  LoadPlan,
  LoadProgress,
  LoadResult,
  MemorySource,
  NodeAddress,
  Reading,
  SliceKind,
} from '../model.ts';

/**
 * What the orchestrator needs from the rooms below it. The real rooms fit these shapes as they are;
 * tests hand in versions that live in memory.
 */
export interface ExperimentPorts {
  readonly topology: TopologyPort;
  readonly application: ApplicationPort;
  readonly generator: GeneratorPort;
  readonly startProbes: (options: ProbeOptions) => RunningProbes;
  /** Settings of a running server that differ from PostgreSQL's defaults. */
  readonly describeServer: (primary: NodeAddress) => Promise<Readonly<Record<string, string>>>;
  readonly clock: () => number;
  /** Absent where nothing is broken. */
  readonly startLinks?: (targets: Readonly<Record<string, { host: string; port: number }>>) => Promise<Links>;
  readonly streamFrom?: (node: NodeAddress, through: { readonly port: number }) => Promise<void>;
}

export interface Step {
  readonly name: string;
  readonly durationMs: number;
}

export interface TopologyPort {
  readonly limitMethod: LimitMethod;
  readonly nodeCpus: number | null;
  readonly findings: readonly Finding[];
  start(arm: Pick<Arm, 'name' | 'replicas'>, signal: AbortSignal): Promise<TopologyRun>;
}

export interface TopologyRun extends AsyncDisposable {
  /** Primary first. */
  readonly nodes: readonly NodeRun[];
  readonly steps: readonly Step[];
  waitUntilCaughtUp(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Resolves once what was copied for this cluster is on the disk: until then its writing disturbs. */
  settled(): Promise<void>;
  /** Holds every node to its quota from now on. */
  enforceLimits(): Promise<void>;
  readonly lost: Promise<{ readonly node: string; readonly reason: string }>;
}

export interface ApplicationPort {
  readonly name: string;
  start(arm: Arm, nodes: readonly NodeAddress[], signal: AbortSignal): Promise<ApplicationRun>;
}

export interface NodeRun {
  readonly address: NodeAddress;
  /** Another one after each start, where it is a process. */
  readonly cpu: CpuSource;
  readonly memory?: MemorySource | undefined;
  stop(): Promise<void>;
  kill(): Promise<void>;
  start?(): Promise<void>;
  pause(): void | Promise<void>;
  resume(): void | Promise<void>;
}

export interface ApplicationRun extends AsyncDisposable {
  /** Where the load goes: the application itself, or the balancer in front of several. */
  readonly baseUrl: string;
  readonly parts: readonly ApplicationPart[];
  readonly lost: Promise<{ readonly reason: string }>;
}

/** One process or container of the application tier; its name is the subject of its readings. */
export interface ApplicationPart {
  /**
   * `app`, or `app1`, `app2` ... where there are several; `nginx`, `redis` beside them. `docker` is
   * the engine, which forwards the published ports: part of the tier's cost, and of nobody else's load.
   */
  readonly name: string;
  readonly cpu: CpuSource;
  readonly memory?: MemorySource | undefined;
  /** Prometheus endpoint, when the part has one. */
  readonly metricsUrl?: string | undefined;
}

export interface GeneratorPort {
  readonly pid: number;
  readonly lost: Promise<{ readonly reason: string }>;
  run(
    plan: LoadPlan,
    options: { readonly onProgress?: (progress: LoadProgress) => void; readonly signal: AbortSignal },
  ): Promise<LoadResult>;
}

export interface ProbeOptions {
  readonly nodes: readonly NodeRun[];
  readonly application: ApplicationRun;
  readonly generatorPid: number;
  /** Of the links between servers, when there are any. */
  readonly linksPid?: number | undefined;
  /** Whether readings are wanted now; sampling costs CPU that something else is measured with. */
  readonly isWanted: () => boolean;
  readonly onReadings: (readings: readonly Reading[]) => void;
  readonly onError: (probe: string, error: unknown) => void;
  readonly signal: AbortSignal;
}

export interface RunningProbes extends AsyncDisposable {
  /** Takes readings now, so that cumulative counters have a value at a slice's edge. */
  sampleNow(): Promise<void>;
}

/** What a run tells whoever watches it. */
export type ExperimentEvent =
  | { readonly kind: 'step'; readonly step: Step }
  | {
      readonly kind: 'visit';
      readonly arm: string;
      readonly block: number;
      readonly blocks: number;
      readonly finishedSlices: number;
      readonly plannedSlices: number;
    }
  | {
      readonly kind: 'slice';
      readonly arm: string;
      readonly block: number;
      readonly slice: SliceKind;
      readonly seconds: number;
    }
  | { readonly kind: 'progress'; readonly progress: LoadProgress }
  | { readonly kind: 'lag'; readonly node: string; readonly lagMs: number }
  | { readonly kind: 'calibrated'; readonly capacityHz: number; readonly steadyRateHz: number }
  | { readonly kind: 'finding'; readonly finding: Finding };

export type Emit = (event: ExperimentEvent) => void;
export type RecordEntry = (entry: JournalEntry) => void;
