/** The connections of one node, each lent to one query or transaction at a time. */
import type { Connection, Purpose } from './connection.ts';

export interface PoolLimits {
  /** Connections for reads, and as many for writes: neither can keep the other waiting. */
  readonly max: number;
  /** Longest wait for a connection, in milliseconds. */
  readonly acquireMs: number;
  /** What nobody has used for so long is closed. */
  readonly idleMs: number;
  /** After so many uses a connection is closed; Infinity = never. */
  readonly maxUses: number;
  /** `max` is for reads and writes together, as in Sequelize without replication. */
  readonly together?: boolean;
}

/** No connection became free in time. */
export class PoolTimeoutError extends Error {
  override readonly name = 'PoolTimeoutError';

  constructor(waitedMs: number) {
    super(`no connection became free within ${waitedMs} ms`);
  }
}

export interface PoolOptions {
  readonly limits: PoolLimits;
  readonly open: () => Promise<Connection>;
  readonly close: (connection: Connection) => Promise<void>;
  /** Monotonic, milliseconds. */
  readonly clock: () => number;
}

/** One use of a connection, from waiting for it on. Who takes the connection makes it: one object for all of it. */
export interface Loan {
  purpose: Purpose;
  /** Since it has the connection, or waits for it; told by the pool. */
  startMs: number;
  /** What has to be given back with the connection; null = nothing. */
  holds: { giveBack(): void } | null;
  /** When the write began that it was taken for; null = something else than a write, or a write that is over. */
  writeMs: number | null;
}

interface Entry {
  uses: number;
  /** Null = nobody waits for what it is doing. */
  loan: Loan | null;
  /** Null = it is idle. Kept when a loan is over whose answer is still to come. */
  usedFor: Purpose | null;
  idleSinceMs: number;
}

interface Waiter {
  readonly loan: Loan;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** How long an answer that nobody waits for any more may take before its connection is given up. */
const settleMs = 1_000;

/** What setTimeout knows. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * The connection that came back last is lent first: few stay in use, and the others are closed. One is opened for
 * each that waits, and none beyond that: under load twice as many would be made as are ever needed, and each costs the
 * server memory and a cold cache. The price: who comes while one is being opened waits for it, or for one that comes
 * back.
 */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #entries = new Map<Connection, Entry>();
  /** The one that came back last is the last. */
  readonly #idle: Connection[] = [];
  /** Who came first is the first. */
  readonly #waiting: Waiter[] = [];
  readonly #used: Record<Purpose, number> = { read: 0, write: 0 };
  readonly #lent: Record<Purpose, number> = { read: 0, write: 0 };
  #opening = 0;
  #reaper: NodeJS.Timeout | undefined;
  #closing: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Open and opening connections. */
  get size(): number {
    return this.#entries.size + this.#opening;
  }

  /** Lent ones, and those whose last answer is still to come. */
  get using(): number {
    return this.#used.read + this.#used.write;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Who has a connection and who waits for one. */
  get inFlight(): number {
    return this.#lent.read + this.#lent.write + this.#waiting.length;
  }

  get readsInFlight(): number {
    return this.#lent.read + this.#waitingFor('read');
  }

  /** Since when who has waited longest for a connection or for an answer had nothing; Infinity = nobody waits. */
  get owingSinceMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    if (this.inFlight === 0) return sinceMs;
    // A transaction between two statements waits for nothing.
    for (const [{ readyForQuery }, { loan }] of this.#entries)
      if (loan !== null && readyForQuery === false && loan.startMs < sinceMs) sinceMs = loan.startMs;
    for (const { loan } of this.#waiting) if (loan.startMs < sinceMs) sinceMs = loan.startMs;
    return sinceMs;
  }

  /**
   * A promise only where there is something to wait for: each costs as much as the rest. Rejects with PoolTimeoutError,
   * as opening does, or with what `refuse` was given. `nowMs`: of whoever has just looked.
   */
  take(loan: Loan, nowMs = this.#options.clock()): Connection | Promise<Connection> {
    if (this.#closing !== undefined) return Promise.reject(new Error('the router is closed'));
    loan.startMs = nowMs;
    const connection = this.#mayLend(loan.purpose) ? this.#popIdle() : undefined;
    return connection === undefined ? this.#wait(loan) : this.#lend(connection, loan);
  }

  /** Undefined = it is not lent. */
  loanOf(connection: Connection): Loan | undefined {
    return this.#entries.get(connection)?.loan ?? undefined;
  }

  /** The loan that is over by that; undefined = it was not lent. */
  giveBack(connection: Connection, nowMs = this.#options.clock()): Loan | undefined {
    const entry = this.#entries.get(connection);
    const loan = entry?.loan;
    if (entry === undefined || loan == null) return undefined;
    if (entry.usedFor !== null) this.#lent[entry.usedFor] -= 1;
    entry.loan = null;
    // A query that was given up may still be running: the next one would wait behind it.
    if (connection.readyForQuery === false && connection._invalid !== true)
      void this.#comeBackWhenReady(connection, entry);
    else this.#comeBack(connection, entry, nowMs);
    return loan;
  }

  has(connection: Connection): boolean {
    return this.#entries.has(connection);
  }

  /** Closes it, whoever has it; nobody can use it again. */
  async destroy(connection: Connection): Promise<void> {
    if (!this.#forget(connection)) return;
    this.#serve();
    await this.#options.close(connection);
  }

  /** Whoever waits for that, or for anything, gets the error. */
  refuse(error: Error, purpose?: Purpose): void {
    for (const waiter of this.#waiting.slice())
      if (purpose === undefined || waiter.loan.purpose === purpose) this.#leave(waiter).reject(error);
  }

  /** The sockets of all loans, or of those that are meant: whoever has one gets an error at once. */
  cut(isMeant: (loan: Loan) => boolean = () => true): void {
    for (const [connection, { loan }] of this.#entries)
      if (loan !== null && isMeant(loan)) connection.connection.stream.destroy();
  }

  /** Every loan of now. */
  loans(): ReadonlySet<Loan> {
    return new Set([...this.#entries.values()].flatMap(({ loan }) => loan ?? []));
  }

  /** No connection of now is lent again; idle ones are closed at once, the others when they come back. */
  async replaceAll(): Promise<void> {
    for (const connection of this.#entries.keys()) connection._invalid = true;
    await Promise.all(this.#idle.slice().map((connection) => this.destroy(connection)));
  }

  /** Waits until everything has come back; not for what is being opened for nobody, which can hang for ever. */
  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers();
    this.#whenAllAreBack();
    await this.#closing.promise;
    this.#isClosed = true;
    clearTimeout(this.#reaper);
    await Promise.all(this.#idle.slice().map((connection) => this.destroy(connection)));
  }

  #mayLend(purpose: Purpose): boolean {
    const { max, together } = this.#options.limits;
    return (together === true ? this.using : this.#used[purpose]) < max;
  }

  #popIdle(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.at(-1);
      if (connection === undefined) return undefined;
      if (isUsable(connection)) return this.#idle.pop();
      this.#discard(connection);
    }
  }

  #lend(connection: Connection, loan: Loan): Connection {
    const { purpose } = loan;
    const entry = this.#entries.get(connection);
    if (entry !== undefined) {
      entry.uses += 1;
      entry.usedFor = purpose;
      entry.loan = loan;
    }
    this.#used[purpose] += 1;
    this.#lent[purpose] += 1;
    return connection;
  }

  #wait(loan: Loan): Promise<Connection> {
    const { acquireMs } = this.#options.limits;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#leave(waiter).reject(new PoolTimeoutError(acquireMs)), acquireMs);
      const waiter: Waiter = { loan, resolve, reject, timer };
      this.#waiting.push(waiter);
      this.#serve();
    });
  }

  #leave(waiter: Waiter): Waiter {
    clearTimeout(waiter.timer);
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    if (this.#closing !== undefined) this.#whenAllAreBack();
    return waiter;
  }

  /** After everything that could help somebody who waits. */
  #serve(): void {
    for (const waiter of this.#waiting.slice()) {
      if (!this.#mayLend(waiter.loan.purpose)) continue;
      const connection = this.#popIdle();
      if (connection === undefined) break;
      waiter.loan.startMs = this.#options.clock();
      // First: whoever closes waits while there is a waiter or a loan.
      const lent = this.#lend(connection, waiter.loan);
      this.#leave(waiter).resolve(lent);
    }
    while (this.#opening < this.#wanted()) void this.#open();
    if (this.#closing !== undefined) this.#whenAllAreBack();
  }

  /** How many of those who wait could have a connection if there was one. */
  #wanted(): number {
    const { max, together } = this.#options.limits;
    if (together === true) return Math.min(this.#waiting.length, max - this.using);
    const wanted = (purpose: Purpose): number =>
      Math.min(this.#waitingFor(purpose), max - this.#used[purpose]);
    return wanted('read') + wanted('write');
  }

  #waitingFor(purpose: Purpose): number {
    let count = 0;
    for (const { loan } of this.#waiting) if (loan.purpose === purpose) count += 1;
    return count;
  }

  async #open(): Promise<void> {
    this.#opening += 1;
    try {
      const connection = await this.#options.open();
      if (this.#isClosed) await this.#options.close(connection);
      else {
        const entry = { uses: 0, loan: null, usedFor: null, idleSinceMs: 0 };
        this.#entries.set(connection, entry);
        this.#rest(connection, entry, this.#options.clock());
      }
    } catch (error) {
      // One for each attempt: the next one may go well.
      const [first] = this.#waiting.filter(({ loan }) => this.#mayLend(loan.purpose));
      if (first !== undefined)
        this.#leave(first).reject(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#opening -= 1;
      this.#serve();
    }
  }

  #comeBack(connection: Connection, entry: Entry, nowMs: number): void {
    if (!isUsable(connection) || entry.uses >= this.#options.limits.maxUses) {
      this.#discard(connection);
      this.#serve();
      return;
    }
    if (entry.usedFor !== null) this.#used[entry.usedFor] -= 1;
    entry.usedFor = null;
    this.#rest(connection, entry, nowMs);
    if (this.#waiting.length > 0 || this.#closing !== undefined) this.#serve();
  }

  async #comeBackWhenReady(connection: Connection, entry: Entry): Promise<void> {
    const isReady = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), settleMs).unref();
      connection.once('drain', () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
    // It may have been lost and destroyed in the meantime.
    if (!this.#entries.has(connection)) return;
    if (!isReady) {
      connection._invalid = true;
      connection.connection.stream.destroy();
    }
    this.#comeBack(connection, entry, this.#options.clock());
  }

  #rest(connection: Connection, entry: Entry, nowMs: number): void {
    entry.idleSinceMs = nowMs;
    this.#idle.push(connection);
    this.#reapIn(this.#options.limits.idleMs);
  }

  /** Closes what has been idle for too long; those that have been idle for longest come first. */
  #reap(): void {
    const { idleMs } = this.#options.limits;
    const nowMs = this.#options.clock();
    const dueMs = (connection: Connection): number =>
      (this.#entries.get(connection)?.idleSinceMs ?? nowMs) + idleMs;
    for (const connection of this.#idle.filter((each) => dueMs(each) <= nowMs)) this.#discard(connection);
    const [next] = this.#idle;
    this.#reaper = undefined;
    if (next !== undefined) this.#reapIn(dueMs(next) - nowMs);
  }

  #reapIn(ms: number): void {
    this.#reaper ??= setTimeout(() => this.#reap(), Math.min(longestTimerMs, Math.max(1, ms))).unref();
  }

  /** False when it is not here any more. */
  #forget(connection: Connection): boolean {
    connection._invalid = true;
    const entry = this.#entries.get(connection);
    if (entry === undefined) return false;
    this.#entries.delete(connection);
    if (entry.usedFor === null) this.#idle.splice(this.#idle.indexOf(connection), 1);
    else {
      this.#used[entry.usedFor] -= 1;
      if (entry.loan !== null) this.#lent[entry.usedFor] -= 1;
    }
    entry.loan = null;
    return true;
  }

  /** Nobody could hear that its farewell failed, and nobody's turn comes by it. */
  #discard(connection: Connection): void {
    if (this.#forget(connection)) this.#options.close(connection).catch(() => undefined);
  }

  #whenAllAreBack(): void {
    if (this.using + this.#waiting.length === 0) this.#closing?.resolve();
  }
}

function isUsable({ _invalid, _ending }: Connection): boolean {
  return _invalid !== true && _ending !== true;
}
