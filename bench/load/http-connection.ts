import net from 'node:net';
import tls from 'node:tls';
import type { Deadline } from './deadlines.ts';
import type { WireRequest } from './request-template.ts';
import { ResponseParser } from './response-parser.ts';
import type { Visit } from './sessions.ts';

export interface ConnectTarget {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
}

export interface ConnectionHandlers {
  /** The whole answer to the request is here; status and headers are in `connection.parser`. */
  readonly answered: (connection: HttpConnection) => void;
  /** The connection ended before the answer was whole; it cannot be used again. */
  readonly broke: (connection: HttpConnection, reason: string) => void;
}

/**
 * One HTTP/1.1 keep-alive connection with at most one request in flight. A request is sent at once: on a
 * connection that is still being opened it waits for that, so connecting is part of its service time.
 *
 * Nothing is retried. When the server closes an idle connection just as it is used again, that request
 * is a connection error, as it is for every client that does not hide it; `reusable` keeps the chance low.
 */
export class HttpConnection implements Deadline {
  readonly parser: ResponseParser;
  older: Deadline | null = null;
  newer: Deadline | null = null;
  startedMs = 0;
  /** Of the request in flight; bookkeeping of the open loop. */
  dueMs = 0;
  operation = 0;
  /** What the request belongs to; null where nobody keeps account of sessions. */
  visit: Visit | null = null;
  /** When the latest answer ended. */
  idleSinceMs = 0;

  readonly #handlers: ConnectionHandlers;
  readonly #socket: net.Socket;
  #busy = false;
  #closed = false;

  /** @param wanted names of headers whose values the parser keeps. */
  constructor(target: ConnectTarget, handlers: ConnectionHandlers, wanted: readonly string[] = []) {
    this.#handlers = handlers;
    this.parser = new ResponseParser(wanted);
    this.#socket = target.secure ? this.#connectTls(target) : this.#connectPlain(target);
    this.#socket.setNoDelay(true);
    this.#socket.on('end', () => this.#ended('the server closed the connection'));
    this.#socket.on('error', (error) => this.#lost(error.message));
    this.#socket.on('close', () => this.#lost('the connection was closed'));
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Whether it can take a request that starts now, with a margin before the server would close it. */
  reusable(nowMs: number): boolean {
    if (this.#closed) return false;
    const limitMs = this.parser.keepAliveTimeoutMs;
    return limitMs === null || nowMs - this.idleSinceMs < limitMs - Math.min(1000, limitMs / 2);
  }

  send(request: WireRequest, head: boolean): void {
    this.#busy = true;
    this.parser.reset(head);
    this.#socket.write(request.text, request.encoding);
  }

  /** Closes it without a word to the handlers. */
  destroy(): void {
    this.#closed = true;
    this.#busy = false;
    this.#socket.destroy();
  }

  #connectPlain({ hostname, port }: ConnectTarget): net.Socket {
    return net.connect({
      host: hostname,
      port,
      // Reads into one buffer that all connections share: it is parsed before the next read begins.
      onread: {
        buffer: sharedReadBuffer,
        callback: (length, buffer) => {
          this.#received(buffer as Buffer, length);
          return true;
        },
      },
    });
  }

  #connectTls({ hostname, port }: ConnectTarget): net.Socket {
    const servername = net.isIP(hostname) === 0 ? { servername: hostname } : {};
    const socket = tls.connect({ host: hostname, port, ALPNProtocols: ['http/1.1'], ...servername });
    socket.on('data', (bytes: Buffer) => this.#received(bytes, bytes.length));
    return socket;
  }

  #received(bytes: Buffer, length: number): void {
    if (this.#closed) return;
    if (!this.#busy) {
      this.destroy();
      return;
    }
    const state = this.parser.execute(bytes, length);
    if (state === 'more') return;
    if (state === 'malformed') {
      this.#lost('the answer is not HTTP/1.1');
      return;
    }
    this.#finished(state === 'complete' && this.parser.keepAlive);
  }

  #ended(reason: string): void {
    if (this.#busy && this.parser.finish() === 'complete') this.#finished(false);
    else this.#lost(reason);
  }

  #finished(keep: boolean): void {
    if (!keep) this.destroy();
    this.#busy = false;
    this.#handlers.answered(this);
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    const wasBusy = this.#busy;
    this.destroy();
    if (wasBusy) this.#handlers.broke(this, reason);
  }
}

const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024);
