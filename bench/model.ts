/**
 * The shared nouns of the harness as readonly types. Imports nothing.
 *
 * Times on the run's axis are `monotonicMs`: milliseconds of the machine's monotonic clock
 * (`process.hrtime`), which every process of one host shares, so that readings of probes, slices of
 * traffic and windows of faults can be laid over each other.
 */

// ---------------------------------------------------------------- scenario

/** Which pool and which histogram an operation belongs to. */
export type OperationClass = 'read' | 'write';

/** A value that fills a `{placeholder}` in a path or body template, drawn anew for each request. */
export type KeyDistribution =
  | { readonly kind: 'uniform'; readonly min: number; readonly max: number }
  /** Rank 1 is the hottest key; exponent 0 is uniform, 0.99 is YCSB's default. */
  | { readonly kind: 'zipf'; readonly min: number; readonly max: number; readonly exponent: number }
  | { readonly kind: 'choice'; readonly values: readonly (string | number)[] }
  /** Never repeats within a run: prefix + slice number + sequence number. */
  | { readonly kind: 'unique'; readonly prefix: string };

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One kind of request. `weight` is relative to the other operations of the same class. */
export interface Operation {
  readonly name: string;
  readonly class: OperationClass;
  readonly weight: number;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path template, for example `/users/{userId}`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON template: a string that is exactly `{key}` becomes the drawn value with its own type. */
  readonly body?: Json;
  /** Of what its answers tell the version: reads and writes of one entity show who saw what. */
  readonly version?: {
    /** Kind of thing, for example `user`; with the value of `key` it names one of them. */
    readonly entity: string;
    /** A placeholder of this operation. */
    readonly key: string;
    /** Header of the answer with a whole number that rises with each change, `17` or `"17"`. */
    readonly header: string;
  };
  /** What the same session does afterwards, one step after another. Those steps' own steps do not follow. */
  readonly steps?: readonly SessionStep[];
}

export interface SessionStep {
  /** Name of another operation; one of weight 0 happens in no other way. */
  readonly operation: string;
  /** From the answer of the step before to this one's due time; default 0. */
  readonly afterMs?: number;
  /** Which placeholder of the first request each placeholder takes its value from; default: the one of its own name. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** Piecewise-linear rate profile: multiples of the slice's rate, over a share of its length. */
export interface RateStep {
  readonly share: number;
  readonly from: number;
  readonly to: number;
}

export interface Scenario {
  readonly name: string;
  /** Whom it stands for, in one sentence. */
  readonly description: string;
  /** Share of reads among the scheduled requests, 0..1; steps that follow them come on top. */
  readonly readShare: number;
  readonly operations: readonly Operation[];
  readonly keys: Readonly<Record<string, KeyDistribution>>;
  /**
   * Sizes and seed of the data set, by name; `prepare` gets each as an environment variable
   * (`users` as DATA_USERS, `orderLines` as DATA_ORDER_LINES).
   */
  readonly data: Readonly<Record<string, number>>;
  readonly load: {
    readonly arrivals: 'poisson' | 'uniform';
    /** Offered rate of `steady` as a share of the baseline's calibrated capacity; above 1 is more than one node can do. */
    readonly steadyShare: number;
    /** Connections of the closed loop in the saturation slices and in calibration. */
    readonly saturationConnections: number;
    readonly timeoutMs: number;
    /** Shape of the steady slice; absent = constant. */
    readonly profile?: readonly RateStep[];
  };
  /** What a session, a scheduled request and the steps that follow it, keeps between its requests. */
  readonly sessions?: {
    /** Header of answers that the next request sends back as it is; of `set-cookie` the pair, as `cookie`. */
    readonly carry: string;
  };
  /** What breaks during each steady slice, and is mended again. */
  readonly faults?: readonly Fault[];
  /** Blocks and slice length a busy person would choose for this scenario. */
  readonly defaults: { readonly blocks: number; readonly sliceSeconds: number };
  readonly objectives: readonly Objective[];
}

export const faultKinds = [
  'stop',
  'kill',
  'pause',
  'replay-pause',
  'replay-delay',
  'link-delay',
  'link-throttle',
  'link-black-hole',
  'link-cut',
] as const;

/**
 * `stop`, `kill` and `pause` are of the server's processes; `replay-` of a replica that goes on receiving; `link-` of
 * the network between two of them.
 */
export interface Fault {
  readonly kind: (typeof faultKinds)[number];
  /** `primary`, `replica1` ...; `replicas` = all of them. An arm without the node has no such fault. */
  readonly node: string;
  /** Of a `link-` fault: from the application to the node, or from the primary to the node. */
  readonly link?: 'app' | 'wal';
  /** Of the kinds that delay. */
  readonly delayMs?: number;
  /** Of `link-throttle`: of each connection, in each direction. */
  readonly bytesPerSecond?: number;
  /** Shares of the steady slice's length. 0 = before the first request; absent `to` = until the last answer. */
  readonly from: number;
  readonly to?: number;
}

/** A bound that the measured value must keep, per arm. Missing data is inconclusive, never pass. */
export interface Objective {
  readonly metric: MetricId;
  /** Arm name; absent = every arm that has the metric. */
  readonly arm?: string;
  readonly max?: number;
  readonly min?: number;
}

// ---------------------------------------------------------------- arms and nodes

export const routings = ['primary-only', 'native', 'balanced'] as const;
export type Routing = (typeof routings)[number];

/** Where PostgreSQL and the application come from. */
export const topologyNames = ['embedded', 'testcontainers', 'compose', 'external'] as const;
export type TopologyName = (typeof topologyNames)[number];

/** One variant under test. */
export interface Arm {
  readonly name: string;
  readonly topology: TopologyName;
  readonly replicas: number;
  readonly routing: Routing;
  /** What the application is told of its policy beside `routing`, in the sample application's words. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Which state of the application it is, where a run compares two of them. */
  readonly build?: Build;
}

/** One state of an application's sources. */
export interface Build {
  /** As somebody would ask git for it (`main`, `v1.2`), or `working tree`. */
  readonly ref: string;
  /** Full hash; null = not known to git. */
  readonly commit: string | null;
  /** Whether there are changes beyond that commit. */
  readonly dirty: boolean;
}

export type NodeRole = 'primary' | 'replica';

/** How to reach one PostgreSQL server. The password never reaches a journal or report. */
export interface NodeAddress {
  readonly name: string;
  readonly role: NodeRole;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Absent = no TLS, as on a loopback address. */
  readonly tls?: { readonly rejectUnauthorized: boolean };
  /**
   * A replica's slot or application name, as its primary shows it, where that is not `name`; null = it
   * cannot be told from other standbys.
   */
  readonly standbyName?: string | null;
}

/** Where the CPU time of one role is read from. */
export type CpuSource =
  /** A cgroup of its own: exact, includes exited children. `dir` holds cpu.stat / cpuacct.usage. */
  | {
      readonly kind: 'cgroup';
      readonly version: 1 | 2;
      /** Directory with `cpuacct.usage` (v1) or `cpu.stat` (v2, usage_usec). */
      readonly usageDir: string;
      /** Directory with `cpu.stat` that counts throttling; the same as usageDir on v2. */
      readonly throttleDir: string;
    }
  /** Sum over a process and its descendants from /proc, reaped children included. */
  | { readonly kind: 'process-tree'; readonly pid: number }
  | { readonly kind: 'none' };

/** Where the memory of one role is read from. */
export type MemorySource =
  /** A cgroup of its own. `dir` holds `memory.usage_in_bytes` (v1) or `memory.current` (v2). */
  { readonly kind: 'cgroup'; readonly version: 1 | 2; readonly dir: string } | { readonly kind: 'none' };

/**
 * How CPU quotas are enforced on this machine; `container` = by the container engine, `external` = the
 * nodes are servers of somebody else, with whatever limits those have.
 */
export type LimitMethod = 'cgroup-v1' | 'cgroup-v2' | 'systemd-scope' | 'container' | 'external' | 'none';

// ---------------------------------------------------------------- load

/** Exactly one per due request. */
export const outcomeNames = [
  'ok',
  'http-error',
  'timeout',
  'connection-error',
  'unsent',
  'in-flight-at-end',
] as const;
export type Outcome = (typeof outcomeNames)[number];
export type OutcomeCounts = Readonly<Record<Outcome, number>>;

/** Summary of one histogram, milliseconds. Quantiles are null when count is 0. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
  readonly meanMs: number | null;
}

/** A histogram of microseconds (3 significant digits), HdrHistogram V2 compressed, base64. */
export type EncodedHistogram = string;

/** Linear rate over a stretch of time; a plan's streams are made of these. */
export interface RateSegment {
  readonly durationMs: number;
  readonly fromHz: number;
  readonly toHz: number;
}

/** One concurrent flow of requests inside a slice. */
export type LoadStream =
  | {
      readonly kind: 'open';
      readonly classes: readonly OperationClass[];
      readonly arrivals: 'poisson' | 'uniform';
      readonly segments: readonly RateSegment[];
      /** Most requests in flight at once; later ones wait with their due time. */
      readonly maxInFlight: number;
    }
  | {
      readonly kind: 'closed';
      readonly classes: readonly OperationClass[];
      readonly connections: number;
      readonly durationMs: number;
    };

/** Everything the generator process needs for one slice; plain data, sent over IPC. */
export interface LoadPlan {
  readonly baseUrl: string;
  /** Same seed = same due times and same requests. */
  readonly seed: number;
  /** Distinguishes `unique` keys between slices of one run. */
  readonly sliceIndex: number;
  /** Share of reads when a stream carries both classes. */
  readonly readShare: number;
  readonly operations: readonly Operation[];
  readonly keys: Readonly<Record<string, KeyDistribution>>;
  readonly streams: readonly LoadStream[];
  /** As Scenario.sessions.carry. */
  readonly carry?: string;
  /** Keeps what became of each request of the open streams, see Trace. */
  readonly trace?: true;
  readonly timeoutMs: number;
  /** How long to wait for requests in flight after the last due time. */
  readonly drainMs: number;
}

export interface OperationResult {
  readonly name: string;
  readonly class: OperationClass;
  readonly loop: 'open' | 'closed';
  readonly outcomes: OutcomeCounts;
  /**
   * Answers that came before the schedule ended. Rates are computed from these: the answers of the
   * drain took time that is not part of the slice's length.
   */
  readonly inTime: { readonly ok: number; readonly 'http-error': number };
  /** Responses by HTTP status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Responses by the value of the node header (`x-db-node`); '' = header absent. */
  readonly servedBy: Readonly<Record<string, number>>;
  /** end - actual start. */
  readonly serviceTime: EncodedHistogram;
  /** end - due time. Same as service time in a closed loop. */
  readonly responseTime: EncodedHistogram;
  /** actual start - due time. */
  readonly scheduleLag: EncodedHistogram;
}

/** The generator's own health during one slice: whether its numbers can be believed. */
export interface GeneratorHealth {
  readonly cpuMs: number;
  /** CPU time over wall time of the slice; 100 = one full core. */
  readonly cpuPercent: number;
  readonly eventLoopDelayP99Ms: number;
  readonly eventLoopDelayMaxMs: number;
  readonly gcMs: number;
  readonly gcMaxMs: number;
  readonly rssBytes: number;
}

export interface LoadResult {
  /** Monotonic time of the first due time's origin. */
  readonly startedAtMs: number;
  /** Scheduled length, without the drain. */
  readonly durationMs: number;
  /** Time from the end of the schedule until the last response or the drain's end. */
  readonly drainedMs: number;
  readonly operations: readonly OperationResult[];
  readonly generator: GeneratorHealth;
  /** Absent when no operation has a version. */
  readonly history?: History;
  /** Absent unless the plan asked for it. */
  readonly trace?: Trace;
}

/** What became of each request of the open streams, in the order of their ends: one entry in each column. */
export interface Trace {
  readonly nodes: readonly string[];
  /** Microseconds since the load's start, and from then until the answer or the end of waiting for it. */
  readonly dueUs: readonly number[];
  readonly tookUs: readonly number[];
  /** 1 = a write, 0 = a read. */
  readonly write: readonly number[];
  /** Index of `outcomeNames`. */
  readonly outcome: readonly number[];
  /** 1 = status 503 with Retry-After: the server asks to come again, on purpose. */
  readonly rejected: readonly number[];
  /** Index of `nodes`, '' for one that did not say. */
  readonly node: readonly number[];
}

/** Every good answer that told a version, in the order of their ends: one entry in each column. */
export interface History {
  readonly entities: readonly string[];
  readonly nodes: readonly string[];
  /** Sessions are numbered within one load. */
  readonly session: readonly number[];
  /** Index of `entities`. */
  readonly entity: readonly number[];
  /** 1 = a write, 0 = a read. */
  readonly write: readonly number[];
  readonly version: readonly number[];
  /** When the request was sent, microseconds since the load's start, and how long its answer took. */
  readonly sentUs: readonly number[];
  readonly tookUs: readonly number[];
  /** Index of `nodes`, '' for one that did not say. */
  readonly node: readonly number[];
  /** Good answers of the same operations that told none; they have no entry. */
  readonly withoutVersion: number;
}

/** One entry of a history. Times as in History, in milliseconds. */
export interface VersionedEvent {
  readonly session: number;
  readonly key: string;
  readonly kind: 'read' | 'write';
  readonly version: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly node: string;
}

/** What the generator says while a slice runs, about once a second. */
export interface LoadProgress {
  readonly atMs: number;
  readonly due: number;
  readonly completed: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** Of the interval since the previous progress. */
  readonly interval: Readonly<
    Record<OperationClass, { readonly count: number; readonly p95Ms: number | null }>
  >;
}

// ---------------------------------------------------------------- probes

/**
 * One gauge observation of a probe. `values` are numbers with their unit in the name; counters are
 * cumulative (`cpuMs`, `throttledMs`, `walBytes`), gauges are not (`lagMs`, `lagBytes`).
 * A value that could not be observed is absent, never 0.
 */
export interface Reading {
  readonly atMs: number;
  /** `cpu`, `memory`, `lag`, `postgres`, `conflicts`, `host`, `app`. */
  readonly probe: string;
  /** Node name, part of the application (`app`, or `app1`, `app2`, `nginx` ...), `generator`, `host`. */
  readonly subject: string;
  readonly values: Readonly<Record<string, number>>;
}

// ---------------------------------------------------------------- journal

export type SliceKind = 'calibration' | 'warm-up' | 'steady' | 'read-saturation' | 'write-saturation';

export interface Finding {
  readonly severity: 'info' | 'warning' | 'invalid';
  /** Stable id, for example `generator-cpu`, `schedule-lag`, `no-quota`. */
  readonly id: string;
  readonly message: string;
}

/** Even numbers of parts, so that each arm is as often the first of a pair as the second; and their length. */
export type SliceParts = Readonly<
  Partial<Record<SliceKind, { readonly count: number; readonly seconds: number }>>
>;

/** What a run intends to do; written to plan.json before anything starts. */
export interface RunPlan {
  readonly schemaVersion: 1;
  readonly runId: string;
  readonly startedAt: string;
  readonly command: string;
  readonly seed: number;
  readonly scenario: Scenario;
  readonly arms: readonly Arm[];
  readonly blocks: number;
  readonly sliceSeconds: number;
  /** Arms of each block in the order they are measured. */
  readonly order: readonly (readonly string[])[];
  /** Cores per node, null = not limited. */
  readonly nodeCpus: number | null;
  readonly limitMethod: LimitMethod;
  readonly interleaved: boolean;
  readonly application: string;
  readonly fingerprint: Fingerprint;
  /** Slices of each visit; absent = all that the scenario has. */
  readonly slices?: readonly SliceKind[];
  /**
   * What each slice of a block is measured in, alternating between the arms, which are all up then;
   * absent = one arm after the other, each slice in one piece of `sliceSeconds`.
   */
  readonly parts?: SliceParts;
  /** What decides, where the run is a gate; `blocks` is then its cap. The first arm is the reference. */
  readonly gate?: GateRules;
  /** What is known, when it starts, of gates like it that compared a state with itself. */
  readonly gateRecord?: GateRecord;
}

// ---------------------------------------------------------------- gate

/**
 * A metric that a gate tests. Effects are shares of the reference, above zero on the worse side: 0.08 is a
 * candidate of 8 % more CPU or milliseconds, or of 8 % fewer requests per second.
 */
export interface GatedMetric {
  readonly metric: MetricId;
  /** Smaller effects never fail, however sure they are. */
  readonly minEffect: number;
  /** What the gate promises to catch: a pass says that the candidate is not this much worse. */
  readonly tolerance: number;
}

export interface GateRules {
  readonly metrics: readonly GatedMetric[];
  /** Bounds of the candidate alone: checked, not tested. */
  readonly guards: readonly Objective[];
  /** Numbers of blocks after which is decided, ascending; the last is the cap. */
  readonly looks: readonly number[];
  /** One-sided error of the whole gate, for false fails and for false passes each; divided over the looks. */
  readonly alpha: number;
  /** Where the reference is an anchor: what earlier states were against it, which then decides instead. */
  readonly history?: GateHistory;
  /** Whoever started the gate takes one that could not decide for a success: exit code 0. */
  readonly inconclusive?: 'pass';
}

/** A guard that is missed by so many times its bound is missed beyond doubt: the candidate breaks down. */
export const grossFactor = 3;

export interface GateHistory {
  /** Coverage of the two-sided prediction interval, 0..1. */
  readonly confidence: number;
  /** ln(candidate / anchor) of each stored run, oldest first. */
  readonly logRatios: Readonly<Partial<Record<MetricId, readonly number[]>>>;
}

/** Gates of a state against itself, on machines like this one. */
export interface GateRecord {
  readonly runs: number;
  readonly falseAlarms: number;
  readonly inconclusive: number;
  /** Exact one-sided 95 % upper bound of the share of false alarms. */
  readonly bound: number;
}

export type GateVerdict = Verdict | 'invalid';

/** One gated metric at one look. Effects as in GatedMetric: above zero is worse. */
export interface GateRow extends GatedMetric {
  readonly unit: string;
  readonly direction: 'higher-is-better' | 'lower-is-better';
  /** Medians over the blocks. */
  readonly reference: number | null;
  readonly candidate: number | null;
  readonly blocks: number;
  /** Hodges-Lehmann estimate of the effect and its exact interval; null = too few blocks, or a missing value. */
  readonly effect: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Coverage of [low, high]. */
  readonly confidence: number | null;
  /** One-sided p of "not worse at all", as it is and after Holm's correction over the gated metrics. */
  readonly failP: number | null;
  readonly adjustedFailP: number | null;
  /** One-sided p of "worse by the tolerance or more". */
  readonly passP: number | null;
  readonly verdict: Verdict;
  /** What was found and what that means, with size and interval. */
  readonly sentence: string;
}

export interface GateResult {
  readonly rules: GateRules;
  /** Of every look that was reached, oldest first. */
  readonly looks: readonly { readonly blocks: number; readonly rows: readonly GateRow[] }[];
  /** Those of the last look, or of the blocks so far where none was reached. */
  readonly rows: readonly GateRow[];
  readonly guards: readonly ObjectiveResult[];
  readonly record?: GateRecord;
  readonly verdict: GateVerdict;
  /** The verdict in one or two sentences: which metric, how much, which interval. */
  readonly sentence: string;
}

/** Everything that must be equal for two runs to be comparable, and what a reader needs to judge one. */
export interface Fingerprint {
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly platform: string;
  readonly node: string;
  readonly postgres: string;
  /** Settings of the primary that differ from PostgreSQL's defaults. */
  readonly postgresSettings: Readonly<Record<string, string>>;
  readonly gitCommit: string | null;
  readonly gitDirty: boolean | null;
  readonly harnessVersion: string;
  /** Median time of an 8 kB write + fdatasync in the data folder, milliseconds. */
  readonly fsyncMs: number | null;
}

/** What the baseline can take, and what the steady slices offer, requests per second. */
export interface Calibration {
  readonly capacityHz: number;
  /** Before a profile bends it. */
  readonly steadyRateHz: number;
  /** Run in which it was measured, when that was an earlier one. */
  readonly fromRun?: string;
}

/** Lines of journal.ndjson, in the order they happened. Analysis and reports read only these. */
export type JournalEntry =
  | { readonly type: 'plan'; readonly atMs: number; readonly plan: RunPlan }
  /** Settings of a measured primary that differ from PostgreSQL's defaults; once a visit. */
  | {
      readonly type: 'postgres-settings';
      readonly atMs: number;
      readonly settings: Readonly<Record<string, string>>;
    }
  /** A step of setting up or tearing down, with its length. */
  | { readonly type: 'step'; readonly atMs: number; readonly name: string; readonly durationMs: number }
  | { readonly type: 'finding'; readonly atMs: number; readonly finding: Finding }
  | ({ readonly type: 'calibration'; readonly atMs: number } & Calibration)
  | {
      readonly type: 'slice-start';
      readonly atMs: number;
      readonly arm: string;
      readonly block: number;
      readonly kind: SliceKind;
      readonly offeredRateHz: number | null;
      /** Counted from 1, where slices are measured in parts. */
      readonly part?: number;
    }
  /** All readings of one sampling tick, on one line to keep the journal small. */
  | { readonly type: 'readings'; readonly readings: readonly Reading[] }
  | ({ readonly type: 'progress' } & LoadProgress)
  | {
      readonly type: 'slice-end';
      readonly atMs: number;
      readonly arm: string;
      readonly block: number;
      readonly kind: SliceKind;
      /** Rate asked for by the open streams; null when the slice is closed loop alone. */
      readonly offeredRateHz: number | null;
      readonly load: LoadResult;
      readonly part?: number;
    }
  | {
      readonly type: 'slice-failed';
      readonly atMs: number;
      readonly arm: string;
      readonly block: number;
      readonly kind: SliceKind;
      readonly reason: string;
    }
  /** A fault begins, or is over, on one node. */
  | {
      readonly type: 'fault';
      readonly atMs: number;
      /** Index in the scenario's faults. */
      readonly index: number;
      readonly fault: string;
      readonly node: string;
      readonly phase: 'begin' | 'end';
    }
  /** The rest of a block is not measured: an arm lost so much that it would only take long. */
  | { readonly type: 'block-cut'; readonly atMs: number; readonly block: number; readonly reason: string }
  | {
      readonly type: 'end';
      readonly atMs: number;
      readonly outcome: 'completed' | 'interrupted' | 'failed';
      readonly reason?: string;
    };

// ---------------------------------------------------------------- results

/** What is compared, in the order of the reports. */
export const metricIds = [
  'read.qps',
  'write.qps',
  'read.p50Ms',
  'read.p95Ms',
  'read.p99Ms',
  'write.p50Ms',
  'write.p95Ms',
  'write.p99Ms',
  'primary.cpuPercent',
  'replicas.cpuPercent',
  'app.cpuMsPerRequest',
  'lag.p95Ms',
  'lag.maxBytes',
  'errors.ratio',
  'stale.ratio',
  'ryw.violationsPer10k',
  'monotonic.violationsPer10k',
] as const;
export type MetricId = (typeof metricIds)[number];

export type Verdict = 'pass' | 'fail' | 'inconclusive';

export interface NodeCpu {
  /**
   * Share of the quota (100 = quota used up), or of one core without a quota. An instance of the
   * application, whose JavaScript runs on one thread, is held against one core when its quota is larger.
   */
  readonly percent: number | null;
  readonly cores: number | null;
  /** P95 of the cores used in the half-seconds of the slice; null when it has none. */
  readonly p95Cores: number | null;
  /** What it may use; null = no quota, or not known. */
  readonly quotaCores: number | null;
  /** Share of the quota's periods in which the node was stopped at it, 0..100; null without a quota. */
  readonly throttledPercent: number | null;
}

export interface LagSummary {
  readonly samples: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly maxMs: number | null;
  /** Largest lower bound: the lag was certainly as long as this at some time. */
  readonly maxLowerMs: number | null;
  readonly maxBytes: number | null;
  /** Largest replay_lag that pg_stat_replication showed, beside ours. */
  readonly viewMaxMs: number | null;
}

/** Memory of a node or a part of the application during a slice. */
export interface MemoryUse {
  /** Of the working set: what is used, less the file cache that the kernel would give back first. */
  readonly p50Bytes: number;
  readonly maxBytes: number;
  /** What it may use; null = no limit. */
  readonly limitBytes: number | null;
}

/**
 * What the application says about its own processes during a slice, all instances together; null where
 * one of them does not tell.
 */
export interface AppHealth {
  /** Largest P99 of the event-loop delay that was read, of any instance. */
  readonly eventLoopDelayP99Ms: number | null;
  /** Share of wall time spent in garbage collection, 0..100, mean of the instances. */
  readonly gcPercent: number | null;
  /** Mean number of requests waiting for a database connection, and of connections in use. */
  readonly poolWaiting: number | null;
  readonly poolInUse: number | null;
  /** Cacheable reads that the cache answered, and those for which it failed, 0..100; null without a cache. */
  readonly cacheHitPercent: number | null;
  readonly cacheErrorPercent: number | null;
  /**
   * Reads that the primary took over because of what replicas lacked, a second and at once, and their limits; and reads
   * that nobody could serve. Null where the application does not tell.
   */
  readonly takenOver: {
    readonly rateHz: number | null;
    readonly limitHz: number;
    readonly most: number | null;
    readonly limit: number;
    readonly rejectedHz: number | null;
  } | null;
}

/** The whole machine during a slice, in percent of all its cores. */
export interface HostLoad {
  readonly busyPercent: number | null;
  /** Busy with something that is neither node, application, generator nor harness. */
  readonly foreignPercent: number | null;
  readonly stealPercent: number | null;
}

export interface SliceResult {
  readonly kind: SliceKind;
  readonly block: number;
  readonly durationMs: number;
  readonly offeredRateHz: number | null;
  readonly achievedRateHz: number;
  readonly outcomes: OutcomeCounts;
  /** Response time of the class, all its operations merged. */
  readonly read: ClassResult;
  readonly write: ClassResult;
  readonly operations: readonly {
    readonly name: string;
    readonly class: OperationClass;
    readonly outcomes: OutcomeCounts;
    readonly serviceTime: LatencySummary;
    readonly responseTime: LatencySummary;
    readonly scheduleLag: LatencySummary;
  }[];
  /** By node name, part of the application (`app`, or `app1`, `app2`, `nginx` ...), `generator`, `harness`. */
  readonly cpu: Readonly<Record<string, NodeCpu>>;
  /** By node name and part of the application; who is not there was not measured. */
  readonly memory: Readonly<Record<string, MemoryUse>>;
  readonly lag: Readonly<Record<string, LagSummary>>;
  readonly app: AppHealth;
  readonly host: HostLoad;
  /** Read answers by the node they name; `cache` = of a cache, '' = not named. */
  readonly readsByNode: Readonly<Record<string, number>>;
  readonly generator: GeneratorHealth;
  readonly walBytes: number | null;
  readonly conflicts: number | null;
  /** Absent when no operation has a version. */
  readonly consistency?: Consistency;
  /** Absent when nothing was broken on purpose. */
  readonly faults?: readonly FaultWindow[];
  readonly findings: readonly Finding[];
}

/** One fault, times since the slice's start; and what the requests met that became due before, during and after it. */
export interface FaultWindow {
  readonly fault: string;
  /** Where it was: more than one for a fault of all replicas. */
  readonly nodes: readonly string[];
  readonly fromMs: number;
  /** When it was mended; null = it lasted until the end. */
  readonly toMs: number | null;
  readonly read: FaultPhases;
  readonly write: FaultPhases;
  /** From then on until every node concerned had answered a read again; null = one of them never did. */
  readonly readsAgainMs: number | null;
}

export interface FaultPhases {
  readonly before: FaultPhase;
  /** The first two seconds, in which it has to be noticed. */
  readonly first: FaultPhase;
  readonly during: FaultPhase;
  /** From its end on; nothing when it had none. */
  readonly after: FaultPhase;
  /**
   * The least time since it began from which on, until it ended, the P95 is at most 1.2 times that of before; null =
   * no such time, or nothing to compare with.
   */
  readonly settledMs: number | null;
}

/** Requests that became due in one phase. */
export interface FaultPhase {
  readonly requests: number;
  /** Neither answered well nor told to come again. */
  readonly failed: number;
  /** Answered 503 with Retry-After. */
  readonly rejected: number;
  /** Of those that were not told to come again, failed ones being endless; null = none, or it is endless. */
  readonly p95Ms: number | null;
}

/** What reads showed, judged by the writes that had been answered before they were sent: lower bounds. */
export interface Consistency {
  readonly reads: number;
  /** Answers that should have told a version and did not: nothing here is about them. */
  readonly withoutVersion: number;
  /** Reads that missed a write which had been answered. */
  readonly stale: number;
  /** Of stale reads: how long the first write that they missed had been answered, and how many versions they missed. */
  readonly staleMs: Quantiles | null;
  readonly staleVersions: Quantiles | null;
  /** Reads of what their own session had written, and of what it had read; and those that showed less. */
  readonly ownWrites: Checked;
  readonly monotonic: Checked;
  readonly byNode: Readonly<
    Record<
      string,
      {
        readonly reads: number;
        readonly stale: number;
        readonly ownWriteViolations: number;
        readonly monotonicViolations: number;
      }
    >
  >;
  /** Reads by the time since the latest write of the same entity was answered. */
  readonly freshness: readonly {
    /** Up to and without so many milliseconds, and from the bound before; null = whatever is later. */
    readonly belowMs: number | null;
    readonly reads: number;
    readonly fresh: number;
  }[];
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface Checked {
  readonly checked: number;
  readonly violations: number;
}

export interface ClassResult {
  /** Successful requests per second of the scheduled length. */
  readonly qps: number;
  readonly outcomes: OutcomeCounts;
  readonly serviceTime: LatencySummary;
  readonly responseTime: LatencySummary;
  readonly scheduleLag: LatencySummary;
}

export interface ArmResult extends Arm {
  readonly nodes: readonly string[];
  readonly slices: readonly SliceResult[];
  /** One value per metric over all blocks (median), null when not measured. */
  readonly metrics: Readonly<Partial<Record<MetricId, MetricValue>>>;
  readonly bottleneck: Readonly<Partial<Record<SliceKind, Bottleneck>>>;
}

export interface MetricValue {
  readonly value: number;
  /** Order-statistic interval of the median over blocks, null with too few blocks. */
  readonly low: number | null;
  readonly high: number | null;
  readonly blocks: number;
  /** The value of each block, so that everything above can be computed again. */
  readonly perBlock: readonly { readonly block: number; readonly value: number }[];
}

export interface Bottleneck {
  /** `primary`, `replica1`, `app`, `app2`, `nginx`, `generator`, `host`, or `none`. */
  readonly station: string;
  readonly sentence: string;
  readonly utilisation: readonly {
    readonly station: string;
    readonly percent: number | null;
    readonly note: string;
  }[];
}

export interface ComparisonRow {
  readonly metric: MetricId;
  readonly unit: string;
  readonly baseline: number | null;
  readonly candidate: number | null;
  /** candidate / baseline: Hodges-Lehmann estimate over block log-ratios. */
  readonly ratio: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
  /** Actual coverage of the exact signed-rank interval; below 0.95 when blocks are few. */
  readonly confidence: number | null;
  readonly blocks: number;
  readonly direction: 'higher-is-better' | 'lower-is-better';
  /** pass = better or not shown worse; fail = interval entirely on the worse side. */
  readonly verdict: Verdict;
}

export interface ObjectiveResult extends Objective {
  readonly value: number | null;
  readonly verdict: Verdict;
  readonly sentence: string;
}

/** result.json */
export interface RunResult {
  readonly schemaVersion: 1;
  readonly runId: string;
  readonly startedAt: string;
  readonly command: string;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly application: string;
  readonly fingerprint: Fingerprint;
  readonly nodeCpus: number | null;
  readonly limitMethod: LimitMethod;
  readonly interleaved: boolean;
  /** Whether the run came to its planned end. */
  readonly completion: {
    readonly outcome: 'completed' | 'interrupted' | 'failed' | 'cut-off';
    readonly reason: string | null;
    readonly plannedBlocks: number;
    readonly finishedBlocks: number;
  };
  readonly calibration: Calibration | null;
  readonly validity: { readonly ok: boolean; readonly findings: readonly Finding[] };
  readonly arms: readonly ArmResult[];
  readonly comparison: readonly ComparisonRow[];
  /** The same of every further arm, where there are more than two. */
  readonly further?: readonly { readonly arm: string; readonly comparison: readonly ComparisonRow[] }[];
  readonly objectives: readonly ObjectiveResult[];
  /** Of a gate alone. */
  readonly gate?: GateResult;
  readonly steps: readonly { readonly name: string; readonly durationMs: number }[];
  readonly verdict: Verdict;
  readonly exitCode: number;
}

// ---------------------------------------------------------------- errors

/** Exit codes of every command. */
export const exitCodes = {
  pass: 0,
  fail: 1,
  usage: 2,
  environment: 3,
  inconclusive: 4,
  interrupted: 130,
} as const;

/** The caller asked for something that cannot be done as asked: exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The machine, PostgreSQL or the application did not do what the measurement needs: exit 3. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}
