import type { ExperimentPorts } from '../../bench/experiment/ports.ts';
import { type LoadPlan, type LoadResult, type OperationResult, outcomeNames } from '../../bench/model.ts';

export interface InMemoryOptions {
  /** Requests that a closed loop completes per second; by default one warm-up of a second is enough. */
  readonly capacityHz?: number;
  /** Share of the requests of a slice (counted from 0, warm-ups included) that get no answer in time; default: none. */
  readonly lostShare?: (slice: number) => number;
  /** What goes wrong, and at which slice (counted from 0, warm-ups included). */
  readonly fault?: {
    readonly atSlice: number;
    readonly what: 'node-lost' | 'app-lost' | 'generator-lost' | 'hang';
  };
}

export interface InMemoryPorts extends ExperimentPorts {
  /** What happened, in order: up, down, slices. */
  readonly log: readonly string[];
  /** Resources that are up now; empty after a run that cleaned up. */
  readonly open: ReadonlySet<string>;
  readonly plans: readonly LoadPlan[];
  /** Resolves when the slice at which the fault happens has begun. */
  readonly faultReached: Promise<void>;
}

/** The whole world of a run without a process, a socket or a clock. */
export function inMemoryPorts(options: InMemoryOptions = {}): InMemoryPorts {
  const log: string[] = [];
  const open = new Set<string>();
  const plans: LoadPlan[] = [];
  const reached = Promise.withResolvers<void>();
  const nodeLost = Promise.withResolvers<{ node: string; reason: string }>();
  const appLost = Promise.withResolvers<{ reason: string }>();
  const generatorLost = Promise.withResolvers<{ reason: string }>();
  let now = 0;
  const up = (name: string) => {
    log.push(`${name} up`);
    open.add(name);
    return async () => {
      log.push(`${name} down`);
      open.delete(name);
    };
  };
  return {
    log,
    open,
    plans,
    faultReached: reached.promise,
    clock: () => {
      now += 1;
      return now;
    },
    topology: {
      limitMethod: 'cgroup-v1',
      nodeCpus: 0.25,
      findings: [],
      async start(arm) {
        return {
          nodes: Array.from({ length: 1 + arm.replicas }, (_, index) => ({
            address: {
              name: index === 0 ? 'primary' : `replica${index}`,
              role: index === 0 ? ('primary' as const) : ('replica' as const),
              host: '127.0.0.1',
              port: 5432 + index,
              database: 'app',
              user: 'app',
              password: 'secret',
            },
            cpu: { kind: 'none' as const },
            ...{ stop: async () => undefined, kill: async () => undefined },
            ...{ pause: () => undefined, resume: () => undefined },
          })),
          steps: [{ name: 'start nodes', durationMs: 5 }],
          lost: nodeLost.promise,
          settled: async () => void log.push('settled'),
          enforceLimits: async () => void log.push('limits on'),
          waitUntilCaughtUp: async () => void log.push('caught up'),
          [Symbol.asyncDispose]: up(`cluster of ${1 + arm.replicas}`),
        };
      },
    },
    application: {
      name: 'in memory',
      async start(arm) {
        return {
          baseUrl: 'http://127.0.0.1:1',
          parts: [{ name: 'app', cpu: { kind: 'none' } }],
          lost: appLost.promise,
          [Symbol.asyncDispose]: up(`app ${arm.routing}`),
        };
      },
    },
    generator: {
      pid: 1,
      lost: generatorLost.promise,
      run(plan, { signal }) {
        const index = plans.length;
        plans.push(plan);
        log.push(
          `slice of ${plan.streams.map((stream) => `${stream.kind} ${stream.classes.join('+')}`).join(', ')}`,
        );
        if (options.fault?.atSlice !== index)
          return Promise.resolve(
            answerAll(plan, options.capacityHz ?? 1000, options.lostShare?.(index) ?? 0),
          );
        reached.resolve();
        if (options.fault.what === 'node-lost')
          nodeLost.resolve({ node: 'replica1', reason: 'signal SIGKILL' });
        if (options.fault.what === 'app-lost') appLost.resolve({ reason: 'exit code 1' });
        if (options.fault.what === 'generator-lost') generatorLost.resolve({ reason: 'exit code 1' });
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            log.push('slice aborted');
            reject(signal.reason);
          });
        });
      },
    },
    describeServer: async () => ({ max_wal_senders: '10' }),
    startProbes: () => ({
      sampleNow: async () => void log.push('sample'),
      [Symbol.asyncDispose]: up('probes'),
    }),
  };
}

function answerAll(plan: LoadPlan, capacityHz: number, lostShare: number): LoadResult {
  const durationMs = Math.max(
    ...plan.streams.map((stream) =>
      stream.kind === 'closed'
        ? stream.durationMs
        : stream.segments.reduce((sum, segment) => sum + segment.durationMs, 0),
    ),
  );
  const none = Object.fromEntries(outcomeNames.map((name) => [name, 0])) as OperationResult['outcomes'];
  const perOperation = (capacityHz * durationMs) / 1000 / plan.operations.length;
  return {
    startedAtMs: 0,
    durationMs,
    drainedMs: 0,
    operations: plan.operations.map((operation) => ({
      name: operation.name,
      class: operation.class,
      loop: 'closed',
      outcomes: {
        ...none,
        ok: perOperation * (1 - lostShare),
        timeout: perOperation * lostShare,
      },
      inTime: { ok: perOperation, 'http-error': 0 },
      statuses: { '200': perOperation },
      servedBy: {},
      serviceTime: '',
      responseTime: '',
      scheduleLag: '',
    })),
    generator: {
      cpuMs: 1,
      cpuPercent: 1,
      eventLoopDelayP99Ms: 1,
      eventLoopDelayMaxMs: 1,
      gcMs: 0,
      gcMaxMs: 0,
      rssBytes: 1,
    },
  };
}
