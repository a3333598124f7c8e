/** One server: its connections, what they are doing, and what is believed of it. */
import { Pool } from 'sequelize-pool';
import { type Health, type HealthEvent, initialHealth, nextHealth } from './health.ts';
import { createLatency } from './latency.ts';
import type { Position } from './position.ts';

export interface NodeAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Where it is not that of the other nodes. */
  readonly login?: Login;
}

/** In Sequelize's words. */
export interface Login {
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
}

/** A connection of pg, as Sequelize opens it; only what the router looks at. */
export interface Connection {
  /** False while an answer is outstanding. */
  readonly readyForQuery?: boolean;
  /** Set by Sequelize when the connection is lost, and here when nobody may use it again. */
  _invalid?: boolean;
  readonly _ending?: boolean;
  once(event: 'drain', listener: () => void): unknown;
  readonly connection: {
    on(event: 'parameterStatus', listener: (status: ParameterStatus) => void): unknown;
    readonly stream: { destroy(): void };
  };
}

export interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

/** How connections come and go: Sequelize's ways, so that its hooks, types and settings stay. */
export interface Connector {
  open(address: NodeAddress): Promise<Connection>;
  close(connection: Connection): Promise<void>;
}

export interface PoolLimits {
  /** Connections of each pool: every node has one for reads and one for writes. */
  readonly max: number;
  /** Longest wait for a connection. */
  readonly acquireMs: number;
  readonly idleMs: number;
  readonly maxUses: number;
}

export type Purpose = 'read' | 'write';

/**
 * `primary`: takes writes. `replica`: replays them. `fenced`: would take writes, but another node does so on a later
 * timeline; nobody may use it.
 */
export type Role = 'primary' | 'replica' | 'fenced';

/** The node was given up while a read waited for it, or ran on it. */
export class NodeAwayError extends Error {
  override readonly name = 'NodeAwayError';
}

interface Open {
  readonly pool: Pool<Connection>;
  /** Null while nobody has it. */
  lease: Lease | null;
}

interface Lease {
  readonly purpose: Purpose;
  /** Since it has the connection: what it took to get one is counted as in flight. */
  readonly startMs: number;
}

interface Waiter {
  readonly purpose: Purpose;
  readonly startMs: number;
  readonly giveUp: (error: Error) => void;
}

/** How long an answer that nobody waits for any more may take before its connection is given up. */
const settleMs = 1_000;

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
  /** Reads and writes on it, those that wait for a connection included. */
  inFlight = 0;
  readsInFlight = 0;

  readonly #primaryWeight: number;
  readonly #clock: () => number;
  readonly #report: (event: HealthEvent, before: Health, after: Health) => void;
  readonly #latency = createLatency();
  readonly #pools: Readonly<Record<Purpose, Pool<Connection>>>;
  readonly #open = new Map<Connection, Open>();
  readonly #waiting = new Set<Waiter>();

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
    const pool = (purpose: Purpose): Pool<Connection> => {
      let made: Pool<Connection> | undefined;
      made = new Pool({
        name: `${address.name} ${purpose}`,
        create: () => this.#connect(connector, purpose),
        destroy: (connection) => {
          this.#open.delete(connection);
          return connector.close(connection);
        },
        validate: (connection) => connection._invalid !== true && connection._ending !== true,
        // It would open a connection whenever somebody waits, even if one is being opened for each of them already: under
        // load twice as many as are ever needed, and each costs the server memory and a cold cache. The price: who comes
        // while one is being opened waits for that one.
        get max() {
          const wanted = made === undefined ? limits.max : made.using + made.waiting;
          return Math.max(1, Math.min(limits.max, wanted));
        },
        min: 0,
        acquireTimeoutMillis: limits.acquireMs,
        idleTimeoutMillis: limits.idleMs,
        maxUses: limits.maxUses,
      });
      return made;
    };
    this.#pools = { read: pool('read'), write: pool('write') };
  }

  get name(): string {
    return this.address.name;
  }

  /** Share of the reads relative to the other nodes; of a node that was promoted it is the primary's. */
  get weight(): number {
    return this.role === 'primary' ? this.#primaryWeight : 1;
  }

  /** What it takes lately; while it owes answers at least the time since it last gave one. */
  latencyMs(): number {
    const nowMs = this.#clock();
    return Math.max(this.#latency.at(nowMs), this.#silentMs(nowMs));
  }

  #silentMs(nowMs: number): number {
    if (this.inFlight === 0) return 0;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const { lease } of this.#open.values())
      if (lease !== null) sinceMs = Math.min(sinceMs, lease.startMs);
    for (const { startMs } of this.#waiting) sinceMs = Math.min(sinceMs, startMs);
    return Math.max(0, nowMs - Math.max(sinceMs, this.heardMs));
  }

  /** Rejects as the pool does, as connecting does, or with NodeAwayError when the node is given up meanwhile. */
  async acquire(purpose: Purpose): Promise<Connection> {
    this.#count(purpose, 1);
    try {
      const connection = await this.#wait(purpose);
      const open = this.#open.get(connection);
      if (open !== undefined) open.lease = { purpose, startMs: this.#clock() };
      return connection;
    } catch (error) {
      this.#count(purpose, -1);
      throw error;
    }
  }

  /** False when the connection is not in use here. */
  release(connection: Connection): boolean {
    const open = this.#open.get(connection);
    const lease = open?.lease;
    if (open === undefined || lease == null) return false;
    open.lease = null;
    const nowMs = this.#clock();
    // A query that was given up took at least so long: else a node whose queries hang would look idle.
    if (connection._invalid !== true) this.#latency.observe(nowMs - lease.startMs, nowMs);
    this.#count(lease.purpose, -1);
    if (connection.readyForQuery === false && connection._invalid !== true) {
      void this.#releaseWhenReady(open.pool, connection);
      return true;
    }
    if (connection._invalid !== true) this.heardMs = nowMs;
    open.pool.release(connection);
    return true;
  }

  /** Closes a connection; true when it was in use. */
  async destroy(connection: Connection): Promise<boolean> {
    connection._invalid = true;
    const open = this.#open.get(connection);
    if (open === undefined) return false;
    const { lease } = open;
    open.lease = null;
    if (lease !== null) this.#count(lease.purpose, -1);
    await open.pool.destroy(connection);
    return lease !== null;
  }

  has(connection: Connection): boolean {
    return this.#open.has(connection);
  }

  isInUse(connection: Connection): boolean {
    return this.#open.get(connection)?.lease != null;
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
    if (this.health.state === 'open') {
      this.lagMs = Number.POSITIVE_INFINITY;
      this.lagBytes = Number.POSITIVE_INFINITY;
      this.#abandonReads();
    }
    if (this.health.state !== before.state) this.#report(event, before, this.health);
  }

  /**
   * No connection is used again, those in use included, and nobody waits for one: the server is not what it was. What is
   * still under way some seconds later is cut: a demoted server that hangs would hold it for as long as TCP does.
   */
  async dropConnections(): Promise<void> {
    const changed = new NodeAwayError(`${this.name} has changed its role`);
    for (const { giveUp } of [...this.#waiting]) giveUp(changed);
    for (const connection of this.#open.keys()) connection._invalid = true;
    const busy = new Set([...this.#open.values()].map(({ lease }) => lease));
    setTimeout(() => this.#cut((lease) => busy.has(lease)), farewellMs).unref();
    const idle = [...this.#open].filter(([, { lease }]) => lease === null);
    await Promise.all(idle.map(([connection, { pool }]) => pool.destroy(connection)));
  }

  pool(purpose: Purpose): Pool<Connection> {
    return this.#pools[purpose];
  }

  /** Waits for what is in flight, unless the node is away; then closes every connection. */
  async close(): Promise<void> {
    if (this.health.state === 'open') this.#cut(() => true);
    // It may hang only now; whoever closes would wait for ever.
    const timer = setTimeout(() => this.#cut(() => true), farewellMs).unref();
    for (const pool of Object.values(this.#pools)) {
      await pool.drain();
      await pool.destroyAllNow();
    }
    clearTimeout(timer);
  }

  async #connect(connector: Connector, purpose: Purpose): Promise<Connection> {
    // Asked for before it is written down who waits.
    await undefined;
    // The pool still asks for those who have gone elsewhere; nobody need dial for them.
    if (![...this.#waiting].some((waiter) => waiter.purpose === purpose)) {
      throw new NodeAwayError(`nobody waits for ${this.name}`);
    }
    try {
      const connection = await connector.open(this.address);
      this.#open.set(connection, { pool: this.#pools[purpose], lease: null });
      return connection;
    } catch (error) {
      // Once for each attempt, however many wait for it.
      this.note('failed');
      throw error;
    }
  }

  /** For as long as the pool lets it, and the node is worth waiting for. */
  #wait(purpose: Purpose): Promise<Connection> {
    const pool = this.#pools[purpose];
    const waitingBefore = pool.waiting;
    const acquiring = pool.acquire();
    if (pool.waiting === waitingBefore) return acquiring;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        purpose,
        startMs: this.#clock(),
        giveUp: (error) => {
          if (this.#waiting.delete(waiter)) reject(error);
        },
      };
      this.#waiting.add(waiter);
      acquiring.then(
        (connection) => {
          if (this.#waiting.delete(waiter)) resolve(connection);
          else pool.release(connection);
        },
        (error: Error) => waiter.giveUp(error),
      );
    });
  }

  #abandonReads(): void {
    const away = new NodeAwayError(`${this.name} does not answer`);
    for (const { purpose, giveUp } of [...this.#waiting]) if (purpose === 'read') giveUp(away);
    // A read on it fails at once, and is asked elsewhere; a write may have been done, so it waits.
    this.#cut(({ purpose }) => purpose === 'read');
  }

  #cut(isMeant: (lease: Lease) => boolean): void {
    for (const [connection, { lease }] of this.#open) {
      if (lease !== null && isMeant(lease)) connection.connection.stream.destroy();
    }
  }

  /** A query that was given up may still be running: the next one would wait behind it. */
  async #releaseWhenReady(pool: Pool<Connection>, connection: Connection): Promise<void> {
    const ready = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), settleMs).unref();
      connection.once('drain', () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
    if (ready && connection._invalid !== true) {
      pool.release(connection);
      return;
    }
    connection._invalid = true;
    connection.connection.stream.destroy();
    // It may have been lost and destroyed in the meantime.
    if (this.#open.has(connection)) await pool.destroy(connection).catch(() => undefined);
  }

  #count(purpose: Purpose, by: 1 | -1): void {
    this.inFlight += by;
    if (purpose === 'read') this.readsInFlight += by;
  }
}
