import type { NodeAddress, Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { LagPrimary } from './lag-primary.ts';
import { LagReplica } from './lag-replica.ts';
import { createLagRing } from './lag-ring.ts';
import type { Probe, ReportProblem } from './probe.ts';
import { settledWithin } from './settled-within.ts';

export interface LagProbeOptions {
  readonly primary: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  readonly everyMs?: number;
  /** How long a sample chases a replica that is behind; below `everyMs`. */
  readonly chaseMs?: number;
  /** How long a sample waits for slow replicas; their readings come with a later sample. */
  readonly patienceMs?: number;
  /** When a node that does not answer is given up. */
  readonly timeoutMs?: number;
  readonly clock?: () => number;
}

/**
 * Replication lag of each replica, from a ring of the primary's insert positions on our own clock
 * against the replica's replay position (see lag-ring.ts).
 *
 * `lagMs` and `lagLowerMs` are bounds of the same lag: between them lies how old the primary's state
 * was that the replica had just reached. A replica that is behind is asked again after 1, 2, 4, 8 ms
 * and so on, so the bounds are as far apart as two of its answers: a few milliseconds, or more where a
 * replica at its CPU quota takes longer to answer. `lagBytes` is an
 * upper bound: the replica is asked first, then the primary. `streaming` is 1 while a walreceiver
 * streams. An unreachable primary leaves the lag unknown (absent); an unreachable replica has no
 * reading.
 *
 * `lagMs` counts WAL that is written but not flushed, for asynchronous commits live there; so an open
 * transaction on an otherwise silent primary counts too. `lagLowerMs` leaves both out.
 */
export function createLagProbe(options: LagProbeOptions): Probe {
  const clock = options.clock ?? monotonicMs;
  const chaseMs = options.chaseMs ?? 220;
  const patienceMs = options.patienceMs ?? 80;
  const connection = { clock, timeoutMs: options.timeoutMs ?? 1_000 };
  const ring = createLagRing();
  const primary = new LagPrimary(options.primary, ring, connection);
  const replicas = options.replicas.map((address) => new LagReplica(address, ring, connection));
  /** Readings not handed out yet: also of replicas that answered after their sample was over. */
  const finished: Reading[] = [];
  return {
    name: 'lag',
    everyMs: options.everyMs ?? 250,
    async sample(report: ReportProblem = () => undefined) {
      const free = replicas.filter(({ busy }) => !busy);
      // A slow replica must not hold up the others; only its own bounds get wider.
      await settledWithin(
        free.map((replica) => replica.begin()),
        patienceMs / 8,
      );
      const target = await primary.sample().catch((error: unknown) => {
        report(error);
        return undefined;
      });
      const untilMs = clock() + chaseMs;
      const chases = free.map(async (replica) => {
        try {
          finished.push(await replica.follow(target, untilMs));
        } catch (error) {
          report(error);
        }
      });
      await settledWithin(chases, patienceMs);
      return finished.splice(0);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([primary, ...replicas].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
