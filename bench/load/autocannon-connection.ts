import type { EventEmitter } from 'node:events';
import type net from 'node:net';
import type { Deadline } from './deadlines.ts';
import type { NextStep, Visit } from './sessions.ts';

/** The parts of an autocannon 9 client that are used here; the underscored ones are not documented. */
export interface AutocannonClient extends EventEmitter {
  readonly conn: net.Socket | undefined;
  readonly destroyed: boolean;
  readonly parser: AutocannonParser;
  getRequestBuffer: () => string | Buffer;
  _connect: () => void;
  _doRequest: () => void;
  _destroyConnection: () => void;
  destroy(): void;
}

/** An http-parser-js parser: numbered callbacks on the instance. */
interface AutocannonParser {
  readonly constructor: { readonly kOnHeadersComplete: number; readonly kOnMessageComplete: number };
  readonly state: string;
  /** Position in the chunk that is being parsed, and its end. */
  readonly offset: number;
  readonly end: number;
  execute: (chunk: Buffer) => number | Error;
  finish(): unknown;
  reinitialize(type: 'RESPONSE'): void;
  [callback: number]: (info: AutocannonHead) => unknown;
}

interface AutocannonHead {
  readonly statusCode: number;
  /** Name, value, name, value ... */
  readonly headers: readonly string[];
  readonly shouldKeepAlive: boolean;
}

export interface ClosedConnection extends Deadline {
  /** Of the request in flight, or the latest one. */
  operation: number;
  head: boolean;
  inFlight: boolean;
  /** Of the latest answer. */
  servedBy: string;
  /** Of the latest answer: those of `wanted`, in their order; '' without one, a line for each of several. */
  values: readonly string[];
  /** What the request in flight belongs to, and what its session does next. */
  visit: Visit | null;
  next: NextStep | null;
  /** Requests in a row that ended without an answer. */
  failures: number;
  /** Connects for the first time; until then the client is held back. */
  open(): void;
  /** Drops the connection and opens a new one. */
  reconnect(): void;
  /** Sends nothing more. */
  rest(): void;
  close(): void;
}

/**
 * Makes one autocannon client honest, from outside. As it is, version 9
 * - keeps a lost request in its queue, so that each later answer is timed from an older start;
 * - counts a connection closed without an answer as nothing at all, and keeps half a message in the parser;
 * - writes the next request on a connection that the answer said would be closed;
 * - takes an interim answer (1xx) or one too many for an answer, and waits for ever after one it cannot parse;
 * - connects again at once for ever, thousands of times a second, when nobody listens.
 * @param on.wanted names of the headers of answers that are kept, in lower case.
 * @param on.draw gives the next request and books it as in flight.
 * @param on.lost the request in flight will never be answered.
 */
export function takeOver(
  client: AutocannonClient,
  on: { readonly wanted: readonly string[]; readonly draw: () => string; readonly lost: () => void },
): ClosedConnection {
  const connect = client._connect.bind(client);
  const doRequest = client._doRequest.bind(client);
  let state: 'held' | 'running' | 'between' | 'resting' | 'closed' = 'held';
  let lastOfConnection = false;
  let interim = false;
  let timer: NodeJS.Timeout | null = null;

  const connection: ClosedConnection = {
    operation: 0,
    head: false,
    inFlight: false,
    servedBy: '',
    values: [],
    visit: null,
    next: null,
    failures: 0,
    startedMs: 0,
    older: null,
    newer: null,
    open: () => {
      if (state !== 'held') return;
      hookParser();
      state = 'running';
      connect();
    },
    reconnect: () => reconnect(0),
    rest: () => {
      if (state !== 'closed') state = 'resting';
      if (timer !== null) clearTimeout(timer);
    },
    close: () => {
      state = 'closed';
      if (timer !== null) clearTimeout(timer);
      client.destroy();
    },
  };

  client.getRequestBuffer = on.draw;
  client._doRequest = () => {
    if (state !== 'running') return;
    if (lastOfConnection) reconnect(0);
    else doRequest();
  };
  // Called once by the constructor, then whenever the connection has ended or failed.
  client._connect = () => {
    if (state === 'held') return;
    finishUntilEof();
    if (connection.inFlight) {
      connection.failures += 1;
      on.lost();
    }
    reconnect(backoffMs(connection.failures));
  };

  function reconnect(delayMs: number): void {
    if (client.conn !== undefined) client._destroyConnection();
    if (state !== 'running') return;
    state = 'between';
    // Never inside the parser's own call, which goes on to use the parser afterwards.
    timer = setTimeout(() => {
      if (state !== 'between') return;
      client.parser.reinitialize('RESPONSE');
      interim = false;
      lastOfConnection = false;
      state = 'running';
      connect();
    }, delayMs);
  }

  /** A body without a length ends with the connection: then that is a whole answer. */
  function finishUntilEof(): void {
    if (!connection.inFlight || client.conn?.readableEnded !== true || client.parser.state !== 'BODY_RAW')
      return;
    lastOfConnection = true;
    client.parser.finish();
  }

  function hookParser(): void {
    const { parser } = client;
    const { kOnHeadersComplete, kOnMessageComplete } = parser.constructor;
    const onHeaders = parser[kOnHeadersComplete]?.bind(parser);
    const onMessage = parser[kOnMessageComplete]?.bind(parser);
    const execute = parser.execute.bind(parser);
    parser[kOnHeadersComplete] = (head) => {
      onHeaders?.(head);
      interim = head.statusCode < 200;
      if (interim) return undefined;
      lastOfConnection = !head.shouldKeepAlive;
      connection.servedBy = nodeOf(head.headers);
      connection.values = on.wanted.map((name) => valuesOf(head.headers, name));
      return connection.head;
    };
    parser[kOnMessageComplete] = (head) => {
      // An answer that nobody asked for would be taken for that of the next request, or crash autocannon,
      // whose queue is empty.
      if (interim || !connection.inFlight) return undefined;
      if (parser.offset < parser.end) lastOfConnection = true;
      return onMessage?.(head);
    };
    parser.execute = (chunk) => {
      const result = execute(chunk);
      if (result instanceof Error) client._connect();
      return result;
    };
  }

  return connection;
}

/** None after a single loss, then 10 ms doubling to a second, until an answer comes. */
function backoffMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(1000, 10 * 2 ** (failures - 2));
}

function nodeOf(headers: readonly string[]): string {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.length === 9 && headers[index]?.toLowerCase() === 'x-db-node') {
      return headers[index + 1] as string;
    }
  }
  return '';
}

function valuesOf(headers: readonly string[], name: string): string {
  const values: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.length === name.length && headers[index]?.toLowerCase() === name)
      values.push(headers[index + 1] as string);
  }
  return values.join('\n');
}
