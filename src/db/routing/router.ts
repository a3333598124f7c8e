/** Finds a connection for every query: the primary for writes, the best replica that is fresh enough for reads. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { type Allowance, createAllowance } from './allowance.ts';
import { Cluster } from './cluster.ts';
import type { Connection, Connector, NodeAddress, Purpose } from './connection.ts';
import type { Loan, PoolLimits } from './connection-pool.ts';
import type { HealthState } from './health.ts';
import { NodeAwayError, type Role, RoutedNode } from './node.ts';
import type { RoutingPolicy } from './options.ts';
import {
  isServing,
  pickAnyReplica,
  pickReplica,
  type ReadClass,
  type ReadRequest,
  staleness,
  type Unmet,
} from './pick.ts';
import type { Position } from './position.ts';
import { type Probe, placeOf, startProbe } from './probe.ts';
import { createSlots, type Slots } from './slots.ts';
import { createWritePace, type WritePace } from './write-pace.ts';

/** Why a query went where it went. */
export type RouteReason =
  | 'write'
  /** A replica that may serve it, or the primary as one of them. */
  | 'read'
  /** The caller, or the statement, asked for the primary. */
  | 'primary-asked'
  /** The primary, because of what replicas lacked. */
  | `primary-${Unmet}`
  /** A replica that is less fresh than the class asks for. */
  | 'stale';

export interface RoutingObserver {
  routed?(node: string, reason: RouteReason): void;
  /** A query or a transaction got its connection, and how long that took. */
  acquired?(node: string, waitMs: number): void;
  stateChanged?(node: string, from: HealthState, to: HealthState, because: string): void;
  primaryChanged?(from: string | null, to: string | null): void;
  roleChanged?(node: string, from: Role, to: Role): void;
  /** A read waited for a replica to have what its session needs. */
  floorWaited?(waitMs: number, met: boolean): void;
  retried?(node: string, failure: string): void;
  rejected?(unmet: Unmet): void;
}

/** A read that nobody may serve now: answer 503 and let the client come again. */
export class ReadRejectedError extends Error {
  override readonly name = 'ReadRejectedError';
  readonly unmet: Unmet;
  readonly retryAfterSeconds = 1;

  constructor(unmet: Unmet) {
    super(`${sentences[unmet]}, and the primary has no place for more reads`);
    this.unmet = unmet;
  }
}

const sentences: Readonly<Record<Unmet, string>> = {
  'no-replica': 'no replica answers',
  lag: 'every replica lags more than this read allows',
  floor: 'no replica has what this session has written or seen',
};

/** Nobody takes writes now. */
export class NoPrimaryError extends Error {
  override readonly name = 'NoPrimaryError';
  readonly retryAfterSeconds = 1;
}

/** One try of a query. The router says at once which node it chose: a connection to it may never come. */
export interface Attempt extends Loan {
  node: RoutedNode | undefined;
  connection: Connection | undefined;
  reason: RouteReason | undefined;
}

export interface RouterOptions {
  readonly addresses: readonly [NodeAddress, ...NodeAddress[]];
  readonly policy: RoutingPolicy;
  readonly pool: PoolLimits;
  readonly connector: Connector;
  /** How a probe connects to a node. */
  readonly login: (address: NodeAddress) => Promise<ClientConfig>;
  readonly observer: RoutingObserver;
  /** Monotonic, milliseconds. */
  readonly clock: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export class Router {
  readonly cluster: Cluster;
  readonly policy: RoutingPolicy;
  readonly #observer: RoutingObserver;
  readonly #clock: () => number;
  readonly #random: () => number;
  /** Of the reads that the primary takes over. */
  readonly allowance: Allowance;
  readonly #pace: WritePace;
  /** Of the reads of all nodes together, which choose their nodes only when they have one. */
  readonly #slots: Slots;
  readonly #options: RouterOptions;
  readonly #probes = new Map<RoutedNode, Probe>();
  readonly #nodes = new WeakMap<Connection, RoutedNode>();
  #starting: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #isStarted = false;

  constructor(options: RouterOptions) {
    const { addresses, policy, pool, connector, observer, clock } = options;
    this.policy = policy;
    this.#options = options;
    this.#observer = observer;
    this.#clock = clock;
    this.#random = options.random;
    const { concurrent, writeSlowdown } = policy.fallback;
    this.#pace = createWritePace(writeSlowdown, concurrent, clock);
    this.allowance = createAllowance(policy.fallback, clock, this.#pace);
    this.#slots = createSlots(pool.max, pool.acquireMs);
    const limits = { ...pool, together: addresses.length === 1 };
    const nodes = addresses.map((address, index) => {
      const role = index === 0 ? 'primary' : 'replica';
      const weight = policy.includePrimary;
      return new RoutedNode(address, role, weight, limits, connector, clock, (event, before, after) => {
        observer.stateChanged?.(address.name, before.state, after.state, event);
      });
    });
    this.cluster = new Cluster(
      nodes as unknown as readonly [RoutedNode, ...RoutedNode[]],
      2 * policy.probeIntervalMs,
      {
        roleChanged: ({ name }, from, to) => observer.roleChanged?.(name, from, to),
        primaryChanged: (from, to) => {
          observer.primaryChanged?.(from?.name ?? null, to?.name ?? null);
          this.#pace.forget();
          // What is pooled there was made for another role. A hook of the application that throws must not end it.
          for (const node of [from, to]) node?.dropConnections().catch(() => undefined);
        },
      },
    );
  }

  /**
   * A connection for a read; a promise only where it has to be waited for. Rejects with ReadRejectedError, or as
   * connecting does.
   */
  acquireRead(request: ReadRequest, attempt: Attempt): Connection | Promise<Connection> {
    // Nearly always nothing has to be waited for, and each wait costs as much as the choice itself.
    return this.#isStarted && this.#slots.tryTake()
      ? this.#readInSlot(request, attempt)
      : this.#acquireReadLater(request, attempt);
  }

  async #acquireReadLater(request: ReadRequest, attempt: Attempt): Promise<Connection> {
    await this.#start();
    await this.#slots.take();
    return this.#readInSlot(request, attempt);
  }

  /** The caller has a slot, which is given back with the connection, or when there is none. */
  #readInSlot(request: ReadRequest, attempt: Attempt): Connection | Promise<Connection> {
    const nowMs = this.#clock();
    const picked = pickReplica(this.cluster, request, this.#random, nowMs);
    if (typeof picked !== 'string') return this.#lease(attempt, picked, 'read', 'read', this.#slots, nowMs);
    // What waits for its data must not keep others from theirs.
    this.#slots.giveBack();
    return this.#acquireFallback(request, picked, attempt);
  }

  /**
   * A connection to the primary, which must be on that timeline or a later one. Rejects with NoPrimaryError, or as
   * connecting does.
   */
  acquirePrimary(reason: RouteReason, attempt: Attempt, timeline = 0): Connection | Promise<Connection> {
    const { primary } = this.cluster;
    return this.#isStarted && primary !== null && this.#knows(timeline)
      ? this.#lease(attempt, primary, 'write', reason, null)
      : this.#acquirePrimaryLater(reason, attempt, timeline);
  }

  async #acquirePrimaryLater(reason: RouteReason, attempt: Attempt, timeline: number): Promise<Connection> {
    await this.#start();
    if (!this.#knows(timeline)) await this.rediscover();
    const { primary } = this.cluster;
    const chosen = primary !== null && this.#knows(timeline) ? primary : await this.#awaitPrimary(timeline);
    return this.#lease(attempt, chosen, 'write', reason, null);
  }

  /** Tells the observer. */
  acquired(connection: Connection, waitMs: number): void {
    const node = this.nodeOf(connection);
    if (node !== undefined) this.#observer.acquired?.(node.name, waitMs);
  }

  nodeOf(connection: Connection): RoutedNode | undefined {
    return this.#nodes.get(connection);
  }

  release(connection: Connection): void {
    const nowMs = this.#clock();
    const loan = this.#nodes.get(connection)?.release(connection, nowMs);
    if (loan !== undefined) this.#giveBack(loan, true, nowMs);
  }

  /** A query is over: Sequelize does not give a connection back when one of its hooks throws after the query. */
  settle(attempt: Attempt): void {
    const { node, connection } = attempt;
    // By then it may be somebody else's.
    if (connection === undefined || node?.pool.loanOf(connection) !== attempt) return;
    // Sequelize gave up by a timeout of its own, and will still give it back: by then nobody else may have it.
    if (connection.readyForQuery === false) this.discard(connection).catch(() => undefined);
    else this.release(connection);
  }

  /** A connection has broken; one that no pool has yet, too: a server can drop it right after its handshake. */
  async lost(connection: Connection): Promise<void> {
    const node = this.cluster.nodes.find((each) => each.has(connection));
    if (node === undefined) {
      connection._invalid = true;
      return;
    }
    // Idle ones are dropped by firewalls and administrators; whether the node is away the probe finds out.
    if (node.isInUse(connection)) node.note('failed');
    this.#probes.get(node)?.hurry();
    await this.discard(connection);
  }

  /** A connection is of no use any more, whatever its node is. */
  async discard(connection: Connection): Promise<void> {
    const node = this.cluster.nodes.find((each) => each.has(connection));
    const loan = node?.pool.loanOf(connection);
    if (loan !== undefined) this.#giveBack(loan, false);
    await node?.pool.destroy(connection);
  }

  /** A position that includes everything committed before this call. */
  async positionNow(): Promise<Position> {
    const { primary } = this.cluster;
    const unknown = { timeline: this.cluster.timeline ?? 0, lsn: Number.POSITIVE_INFINITY };
    const probe = primary === null ? undefined : this.#probes.get(primary);
    if (probe === undefined) return unknown;
    try {
      const sample = await probe.fresh();
      return (sample.isPrimary ? placeOf(sample) : undefined) ?? unknown;
    } catch {
      // Only the primary will do, until another one has taken over.
      return unknown;
    }
  }

  /** Everybody is asked now, not at the next interval. */
  lookAround(): void {
    for (const probe of this.#probes.values()) probe.hurry();
  }

  /** A read goes elsewhere; the node is looked at. */
  retried(node: RoutedNode, failure: string): void {
    this.#observer.retried?.(node.name, failure);
    this.#probes.get(node)?.hurry();
  }

  /** A node refused a write: somebody else is the primary now, or will be. */
  async rediscover(): Promise<void> {
    await Promise.allSettled([...this.#probes.values()].map((probe) => probe.fresh()));
  }

  /** Something was heard of a node that may have changed its role. */
  look(address: NodeAddress): void {
    for (const [node, probe] of this.#probes) if (node.address === address) probe.hurry();
  }

  /** Reads whose turn has not come. */
  get waitingReads(): number {
    return this.#slots.waiting;
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    await Promise.all(this.cluster.nodes.map((node) => node.close()));
    await Promise.all([...this.#probes.values()].map((probe) => probe.close()));
  }

  /** The first query waits until every node has answered, or has been given up. */
  #start(): Promise<void> {
    this.#starting ??= this.#startProbes();
    return this.#starting;
  }

  async #startProbes(): Promise<void> {
    const { policy, login } = this.#options;
    for (const node of this.cluster.nodes) {
      const probe = startProbe(
        {
          connection: () => login(node.address),
          intervalMs: () => policy.probeIntervalMs,
          silenceMs: policy.silenceMs,
          heardMs: () => node.heardMs,
          restMs: () => (node.health.state === 'open' ? node.health.restMs : 0),
          clock: this.#clock,
        },
        {
          sampled: (sample) => {
            node.note('probed');
            this.cluster.sampled(node, sample);
          },
          failed: () => node.note('probe-failed'),
          silent: () => node.note('silent'),
        },
      );
      this.#probes.set(node, probe);
    }
    this.#watch = setInterval(() => this.#askSilent(), policy.silenceMs / 4).unref();
    await Promise.allSettled([...this.#probes.values()].map((probe) => probe.fresh()));
    this.#isStarted = true;
  }

  /** Whether a node that owes answers still lives is asked at once, not at the next interval. */
  #askSilent(): void {
    const nowMs = this.#clock();
    for (const [node, probe] of this.#probes)
      if (node.health.state !== 'open' && node.owingMs(nowMs) >= this.policy.silenceMs / 4) probe.hurry();
  }

  /** `holds` are given back with the connection, or when there is none. */
  #lease(
    attempt: Attempt,
    node: RoutedNode,
    purpose: Purpose,
    reason: RouteReason,
    holds: Loan['holds'],
    nowMs = this.#clock(),
  ): Connection | Promise<Connection> {
    attempt.node = node;
    attempt.reason = reason;
    attempt.purpose = purpose;
    attempt.holds = holds;
    const isWrite = reason === 'write';
    if (isWrite) this.#pace.began(nowMs);
    attempt.writeMs = isWrite ? nowMs : null;
    this.#observer.routed?.(node.name, reason);
    const taken = node.acquire(attempt, nowMs);
    return taken instanceof Promise
      ? this.#leaseLater(attempt, node, taken)
      : this.#leased(attempt, node, taken);
  }

  async #leaseLater(attempt: Attempt, node: RoutedNode, taking: Promise<Connection>): Promise<Connection> {
    try {
      const connection = await taking;
      if (attempt.purpose === 'write' && node !== this.cluster.primary) {
        // It waited while another node took over: what was written here would be lost.
        node.release(connection);
        throw new NodeAwayError(`${node.name} is no longer the primary`);
      }
      return this.#leased(attempt, node, connection);
    } catch (error) {
      this.#giveBack(attempt, false);
      throw error;
    }
  }

  #leased(attempt: Attempt, node: RoutedNode, connection: Connection): Connection {
    if (this.#nodes.get(connection) !== node) this.#nodes.set(connection, node);
    attempt.connection = connection;
    return connection;
  }

  /** Once for each loan: a connection can be lost long after it was released. */
  #giveBack(loan: Loan, isAnswered: boolean, nowMs = this.#clock()): void {
    loan.holds?.giveBack();
    loan.holds = null;
    if (loan.writeMs !== null) this.#pace.ended(loan.writeMs, isAnswered, nowMs);
    loan.writeMs = null;
  }

  async #leaseWhenFree(attempt: Attempt, node: RoutedNode, reason: RouteReason): Promise<Connection> {
    await this.#slots.take();
    return this.#lease(attempt, node, 'read', reason, this.#slots);
  }

  /** No replica may serve it: wait for one, or for a place on the primary; then what the class says. */
  async #acquireFallback(request: ReadRequest, unmet: Unmet, attempt: Attempt): Promise<Connection> {
    const { readClass, tried } = request;
    const deadlineMs = this.#clock() + readClass.waitMs;
    if (unmet === 'floor' && this.#mayCatchUp(request)) {
      const startMs = this.#clock();
      // The other half is left for a place on the primary, should this be in vain.
      const node = await this.#awaitFloor(request, startMs + readClass.waitMs / 2);
      this.#observer.floorWaited?.(this.#clock() - startMs, node !== undefined);
      if (node !== undefined) return this.#leaseWhenFree(attempt, node, 'read');
    }
    const primary = await this.#primaryFor(request, deadlineMs);
    if (primary !== null && primary.health.state !== 'open' && !tried.has(primary)) {
      if (await this.allowance.take(deadlineMs - this.#clock())) {
        return this.#lease(attempt, primary, 'read', `primary-${unmet}`, this.allowance);
      }
    }
    const nowMs = this.#clock();
    const late = pickReplica(this.cluster, request, this.#random, nowMs);
    if (typeof late !== 'string') return this.#leaseWhenFree(attempt, late, 'read');
    const any =
      readClass.otherwise === 'stale'
        ? pickAnyReplica(this.cluster, request, this.#random, nowMs)
        : undefined;
    if (any !== undefined) return this.#leaseWhenFree(attempt, any, 'stale');
    this.#observer.rejected?.(unmet);
    throw new ReadRejectedError(unmet);
  }

  /** Whether the primary, as far as it is known, is on that timeline or a later one. */
  #knows(timeline: number): boolean {
    return timeline <= (this.cluster.timeline ?? 0);
  }

  /** Null = none, or one that has not heard yet of the promotion that the session has seen. */
  async #primaryFor({ floor }: ReadRequest, deadlineMs: number): Promise<RoutedNode | null> {
    const floorNow = floor();
    const timeline = Math.max(floorNow?.written?.timeline ?? 0, floorNow?.seen?.timeline ?? 0);
    if (!this.#knows(timeline))
      await Promise.race([this.rediscover(), delay(Math.max(0, deadlineMs - this.#clock()))]);
    return this.#knows(timeline) ? this.cluster.primary : null;
  }

  /** Whether waiting is worth while: some replica is less behind than the read can wait. */
  #mayCatchUp({ readClass, tried, floor }: ReadRequest): boolean {
    // A position that is not known is reached by nobody.
    if (floor()?.written?.lsn === Number.POSITIVE_INFINITY) return false;
    return this.cluster.nodes.some(
      (node) =>
        node.role === 'replica' && isServing(node) && !tried.has(node) && node.lagMs <= readClass.waitMs / 2,
    );
  }

  /** The first replica that meets the floor; undefined = none in time. */
  async #awaitFloor(request: ReadRequest, deadlineMs: number): Promise<RoutedNode | undefined> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), Math.max(0, deadlineMs - this.#clock()));
    const late = new Promise<undefined>((resolve) => {
      over.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    // Each on its own: one that hangs must not keep the others from being asked again.
    const first = [...this.#probes].flatMap(([node, probe]) =>
      node.role === 'replica' && !request.tried.has(node)
        ? [this.#askUntilMet(node, probe, request, over.signal)]
        : [],
    );
    try {
      return await Promise.race([Promise.any(first).catch(() => undefined), late]);
    } finally {
      clearTimeout(timer);
      over.abort();
    }
  }

  /** Asks a replica again and again, a little less often each time. Rejects when it is no longer worth while. */
  async #askUntilMet(
    node: RoutedNode,
    probe: Probe,
    request: ReadRequest,
    signal: AbortSignal,
  ): Promise<RoutedNode> {
    for (let pauseMs = 2; isServing(node); pauseMs = Math.min(20, pauseMs * 2)) {
      signal.throwIfAborted();
      const { primary } = this.cluster;
      // What the session has read is behind a position that the primary had later; that has to be known first.
      const bound =
        request.floor()?.seen === undefined && primary !== null ? this.#probes.get(primary) : undefined;
      await Promise.all([bound?.fresh().catch(() => undefined), probe.fresh()]);
      if (staleness(this.cluster, node, request.readClass, request.floor()) === null && isServing(node))
        return node;
      await delay(pauseMs, undefined, { signal });
    }
    throw new NodeAwayError(`${node.name} does not answer`);
  }

  async #awaitPrimary(timeline: number): Promise<RoutedNode> {
    const deadlineMs = this.#clock() + this.policy.primaryWaitMs;
    while (this.#clock() < deadlineMs) {
      await delay(20);
      if (this.cluster.primary !== null && this.#knows(timeline)) return this.cluster.primary;
    }
    throw new NoPrimaryError(`no node has taken writes for ${this.policy.primaryWaitMs} ms`);
  }
}

/** The class of that name, or `default`. Throws RangeError for a name that the policy does not have. */
export function readClassOf({ classes }: RoutingPolicy, name: string | undefined): ReadClass {
  const found = classes[name ?? 'default'];
  if (found === undefined) {
    throw new RangeError(
      `there is no class of reads "${name}": there are ${Object.keys(classes).join(', ')}`,
    );
  }
  return found;
}
