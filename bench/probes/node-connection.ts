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
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      const message = `${this.address.name} did not answer a probe within ${this.#timeoutMs} ms`;
      timer = setTimeout(() => reject(new EnvironmentError(message)), this.#timeoutMs);
    });
    try {
      return await Promise.race([ask(link, statement), tooLate]);
    } catch (cause) {
      this.#drop(link);
      this.#failure = this.#explain(cause);
      throw this.#failure;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    const link = this.#link;
    this.#link = undefined;
    link?.socket.destroy();
  }

  #connect(): Link {
    const now = this.#clock();
    if (this.#failure !== undefined && now - this.#triedAtMs < this.#reconnectMs) throw this.#failure;
    this.#triedAtMs = now;
    // A socket of our own, so that it can be destroyed: a polite end waits for the server.
    const socket = new Socket();
    const { host, port, database, user, password } = this.address;
    const client = new Client({
      host,
      port,
      database,
      user,
      password,
      application_name: 'replibench-probe',
      stream: () => socket,
      types: { getTypeParser: () => (text: string) => text },
    });
    const link: Link = { client, socket, ready: client.connect() };
    // A connection lost between two samples is told by the next one.
    client.on('error', () => this.#drop(link));
    this.#link = link;
    return link;
  }

  #drop(link: Link): void {
    if (this.#link === link) this.#link = undefined;
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
  readonly ready: Promise<unknown>;
}

async function ask(link: Link, statement: Statement): Promise<readonly Row[]> {
  await link.ready;
  const result = await link.client.query<(string | null)[]>({ ...statement, rowMode: 'array' });
  return result.rows;
}
