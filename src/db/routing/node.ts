/** One server: its connections, what they are doing, and what is believed of it. */
import type { Connection, Connector, NodeAddress } from './connection.ts';
import { ConnectionPool, type Loan, type PoolLimits } from './connection-pool.ts';
import { type Health, type HealthEvent, initialHealth, nextHealth } from './health.ts';
import { createLatency } from './latency.ts';
import type { Position } from './position.ts';

/**
 * `primary`: takes writes. `replica`: replays them. `fenced`: would take writes, but another node does so on a later
 * timeline; nobody may use it.
 */
export type Role = 'primary' | 'replica' | 'fenced';

/** The node was given up while a read waited for it, or ran on it. */
export class NodeAwayError extends Error {
  override readonly name = 'NodeAwayError';
}

/** How long a query may go on when its server has changed its role, or when everything is closed. */
const farewellMs = 10_000;

export class RoutedNode {
  readonly address: NodeAddress;
  role: Role;
  health: Health = initialHealth;
  /** Where it was when last asked; undefined = not known. */
  place: Position | undefined;
  lagMs = Number.POSITIVE_INFINITY;
  lagBytes = Number.POSITIVE_INFINITY;
  /** Since when it has been answering without a break; Infinity = it does not. */
  upSinceMs = Number.POSITIVE_INFINITY;
  /** When it last answered anything. */
  heardMs = Number.NEGATIVE_INFINITY;
  readonly pool: ConnectionPool;
  /** Called when its health has changed, or what hangs on that. */
  changed: () => void = () => undefined;

  readonly #primaryWeight: number;
  readonly #clock: () => number;
  readonly #report: (event: HealthEvent, before: Health, after: Health) => void;
  readonly #latency = createLatency();

  constructor(
    address: NodeAddress,
    role: Role,
    primaryWeight: number,
    limits: PoolLimits,
    connector: Connector,
    clock: () => number,
    report: (event: HealthEvent, before: Health, after: Health) => void,
  ) {
    this.address = address;
    this.role = role;
    this.#primaryWeight = primaryWeight;
    this.#clock = clock;
    this.#report = report;
    this.pool = new ConnectionPool({
      limits,
      clock,
      open: () => this.#connect(connector),
      close: (connection) => connector.close(connection),
    });
  }

  get name(): string {
    return this.address.name;
  }

  /** Share of the reads relative to the other nodes; of a node that was promoted it is the primary's. */
  get weight(): number {
    return this.role === 'primary' ? this.#primaryWeight : 1;
  }

  /** Reads and writes on it, those that wait for a connection included. */
  get inFlight(): number {
    return this.pool.inFlight;
  }

  get readsInFlight(): number {
    return this.pool.readsInFlight;
  }

  /** What it takes lately; while it owes answers at least the time since it last gave one. */
  latencyMs(nowMs: number): number {
    const usualMs = this.#latency.at(nowMs);
    // Nearly always it was heard of just now.
    return nowMs - this.heardMs <= usualMs ? usualMs : Math.max(usualMs, this.owingMs(nowMs));
  }

  /** For how long it has owed answers and given none, in milliseconds. */
  owingMs(nowMs: number): number {
    return Math.max(0, nowMs - Math.max(this.pool.owingSinceMs, this.heardMs));
  }

  /** Rejects as the pool does, as connecting does, or with NodeAwayError when the node is given up meanwhile. */
  acquire(loan: Loan, nowMs?: number): Connection | Promise<Connection> {
    return this.pool.take(loan, nowMs);
  }

  /** As the pool does. */
  release(connection: Connection, nowMs = this.#clock()): Loan | undefined {
    const isLost = connection._invalid === true;
    const isAnswered = connection.readyForQuery !== false;
    const loan = this.pool.giveBack(connection, nowMs);
    if (loan === undefined || isLost) return loan;
    // A query that was given up took at least so long: else a node whose queries hang would look idle.
    this.#latency.observe(nowMs - loan.startMs, nowMs);
    if (isAnswered) this.heardMs = nowMs;
    return loan;
  }

  has(connection: Connection): boolean {
    return this.pool.has(connection);
  }

  isInUse(connection: Connection): boolean {
    return this.pool.loanOf(connection) !== undefined;
  }

  /** Takes an event into account; giving the node up sends its reads elsewhere. */
  note(event: HealthEvent): void {
    const before = this.health;
    this.health = nextHealth(before, event);
    if (event === 'answered' || event === 'probed') this.heardMs = this.#clock();
    else {
      // It may have been restarted, and a standby that crashed can come back with less than it had shown.
      this.upSinceMs = Number.POSITIVE_INFINITY;
      this.place = undefined;
    }
    if (this.health === before) return;
    this.changed();
    if (this.health.state === 'open') {
      this.lagMs = Number.POSITIVE_INFINITY;
      this.lagBytes = Number.POSITIVE_INFINITY;
      this.#abandonReads();
    }
    if (this.health.state !== before.state) this.#report(event, before, this.health);
  }

  /**
   * No connection is used again, those in use included, and nobody waits for one: the server is not what it was. What
   * is still under way some seconds later is cut: a demoted server that hangs would hold it for as long as TCP does.
   */
  async dropConnections(): Promise<void> {
    this.pool.refuse(new NodeAwayError(`${this.name} has changed its role`));
    const busy = this.pool.loans();
    setTimeout(() => this.pool.cut((loan) => busy.has(loan)), farewellMs).unref();
    await this.pool.replaceAll();
  }

  /** Waits for what is in flight, unless the node is away; then closes every connection. */
  async close(): Promise<void> {
    if (this.health.state === 'open') {
      this.pool.refuse(new NodeAwayError(`${this.name} does not answer`));
      this.pool.cut();
    }
    // It may hang only now; whoever closes would wait for ever.
    const timer = setTimeout(() => this.pool.cut(), farewellMs).unref();
    await this.pool.close();
    clearTimeout(timer);
  }

  async #connect(connector: Connector): Promise<Connection> {
    try {
      return await connector.open(this.address);
    } catch (error) {
      // Once for each attempt, however many wait for it.
      this.note('failed');
      throw error;
    }
  }

  #abandonReads(): void {
    this.pool.refuse(new NodeAwayError(`${this.name} does not answer`), 'read');
    // A read on it fails at once, and is asked elsewhere; a write may have been done, so it waits.
    this.pool.cut(({ purpose }) => purpose === 'read');
  }
}
