import { Socket } from 'node:net';
import { Client } from 'pg';
import { EnvironmentError, type NodeAddress } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';

export type Row = readonly (string | null)[];

export interface Statement {
  /** Names the prepared statement: parsed and planned once a connection. */
  readonly name: string;
  readonly text: string;
}

export interface NodeConnectionOptions {
  /** A node that does not answer within this time is given up, and connected to anew later. */
  readonly timeoutMs?: number;
  /** Least time between two attempts to connect. */
  readonly reconnectMs?: number;
  readonly clock?: () => number;
}

/**
 * One connection of a probe to one node: connects when first asked, again after the node was lost,
 * and never waits longer than its timeout, not even for a stopped process.
 */
export class NodeConnection implements AsyncDisposable {
  readonly address: NodeAddress;
  readonly #timeoutMs: number;
  readonly #reconnectMs: number;
  readonly #clock: () => number;
  #link: Link | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #failure: Error | undefined;
  #disposed = false;

  constructor(address: NodeAddress, options: NodeConnectionOptions = {}) {
    this.address = address;
    this.#timeoutMs = options.timeoutMs ?? 1_000;
    this.#reconnectMs = options.reconnectMs ?? 250;
    this.#clock = options.clock ?? monotonicMs;
  }

  /** Rows as texts. Rejects with an EnvironmentError that names the node. */
  async query(statement: Statement): Promise<readonly Row[]> {
    if (this.#disposed) throw new EnvironmentError(`connection to ${this.address.name} is closed`);
    const link = this.#link ?? this.#connect();
    link.asking += 1;
    // Restarted, not made anew, for each query: this runs many times a second beside the measurement.
    link.deadline.refresh();
    try {
      await link.ready;
      const result = await link.client.query<(string | null)[]>({ ...statement, rowMode: 'array' });
      return result.rows;
    } catch (cause) {
      this.#drop(link);
      this.#failure = this.#explain(cause);
      throw this.#failure;
    } finally {
      link.asking -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const link = this.#link;
    if (link !== undefined) this.#drop(link);
  }

  #connect(): Link {
    const now = this.#clock();
    if (this.#failure !== undefined && now - this.#triedAtMs < this.#reconnectMs) throw this.#failure;
    this.#triedAtMs = now;
    // A socket of our own, so that it can be destroyed: a polite end waits for the server.
    const socket = new Socket();
    const { host, port, database, user, password, tls } = this.address;
    const client = new Client({
      host,
      port,
      database,
      user,
      password,
      ssl: tls ?? false,
      application_name: 'replibench-probe',
      stream: () => socket,
      types: { getTypeParser: () => (text: string) => text },
    });
    const deadline = setTimeout(() => {
      // It rings between two queries, too.
      if (link.asking === 0) return;
      const message = `${this.address.name} did not answer a probe within ${this.#timeoutMs} ms`;
      socket.destroy(new EnvironmentError(message));
    }, this.#timeoutMs).unref();
    const link: Link = { client, socket, deadline, ready: client.connect(), asking: 0 };
    // A connection lost between two samples is told by the next one.
    client.on('error', () => this.#drop(link));
    this.#link = link;
    return link;
  }

  #drop(link: Link): void {
    if (this.#link === link) this.#link = undefined;
    clearTimeout(link.deadline);
    link.socket.destroy();
  }

  #explain(cause: unknown): Error {
    if (cause instanceof EnvironmentError) return cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new EnvironmentError(`${this.address.name} cannot be asked by a probe: ${reason}`, { cause });
  }
}

interface Link {
  readonly client: Client;
  readonly socket: Socket;
  /** Ends the socket, and with it whatever waits for an answer. */
  readonly deadline: NodeJS.Timeout;
  readonly ready: Promise<unknown>;
  /** Queries that wait for an answer. */
  asking: number;
}
