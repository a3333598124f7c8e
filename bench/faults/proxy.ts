/** A TCP proxy whose network can be made bad while connections are open. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** How bad it is; both directions are alike. */
export interface LinkState {
  /** Added to every byte on its way, milliseconds. */
  readonly delayMs: number;
  /** Of each connection and direction; null = as fast as it goes. */
  readonly bytesPerSecond: number | null;
  /** `black-hole`: nothing arrives, nobody is told. `cut`: connections are reset, new ones refused. */
  readonly mode: 'open' | 'black-hole' | 'cut';
}

export const wellLink: LinkState = { delayMs: 0, bytesPerSecond: null, mode: 'open' };

export interface LinkProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  set(state: LinkState): Promise<void>;
}

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `target`. */
export async function startProxy(target: ProxyTarget, clock: () => number): Promise<LinkProxy> {
  let state = wellLink;
  const pipes = new Set<Pipe>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ ...target, allowHalfOpen: true });
    const drop = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      // An interactive protocol: waiting for more to send would add the delay that is measured here.
      from.setNoDelay(true);
      const pipe = createPipe(from, to, () => state, clock);
      pipes.add(pipe);
      from.on('error', drop);
      from.on('close', () => {
        // What it said in good order is still on its way, however slow that is.
        if (from.errored === null && from.readableEnded) return;
        pipe.close();
        drop();
      });
      to.on('close', () => {
        pipes.delete(pipe);
        pipe.close();
      });
    }
  });
  const port = await listen(server, 0);
  const cut = async (): Promise<void> => {
    for (const { from } of pipes) from.resetAndDestroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  return {
    port,
    async set(next) {
      state = next;
      if (next.mode === 'cut') await cut();
      else if (!server.listening) await listen(server, port);
      for (const pipe of pipes) pipe.stateChanged();
    },
    [Symbol.asyncDispose]: cut,
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a proxy got no port');
  return address.port;
}

interface Pipe {
  readonly from: Socket;
  stateChanged(): void;
  close(): void;
}

/** More than this waiting, and the sender has to wait, too: a delay is no infinite memory. */
const mostWaitingBytes = 4 * 1024 * 1024;

/** One direction: chunks leave when their delay is over, no faster than the state lets them. */
function createPipe(from: Socket, to: Socket, state: () => LinkState, clock: () => number): Pipe {
  const queue: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  let waitingBytes = 0;
  /** When what was sent so far has passed the bottleneck. */
  let freeMs = 0;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;

  const pump = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (state().mode !== 'open') return;
    const nowMs = clock();
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const { bytesPerSecond } = state();
      // What a slow link had before it, a link that is well again does not wait for.
      const leaveMs = bytesPerSecond === null ? next.dueMs : Math.max(next.dueMs, freeMs);
      if (leaveMs > nowMs) {
        timer = setTimeout(pump, Math.ceil(leaveMs - nowMs));
        return;
      }
      queue.shift();
      waitingBytes -= next.bytes.length;
      freeMs = bytesPerSecond === null ? 0 : leaveMs + (next.bytes.length / bytesPerSecond) * 1_000;
      // Whoever does not read keeps whoever writes waiting, as without us.
      if (!to.write(next.bytes)) return;
    }
    if (ended) to.end();
    else if (waitingBytes < mostWaitingBytes) from.resume();
  };
  to.on('drain', pump);

  from.on('data', (bytes: Buffer) => {
    const { bytesPerSecond, delayMs } = state();
    const dueMs = clock() + delayMs;
    // In slices of some ten milliseconds: a large chunk at a slow link would else arrive all at its end.
    const size = bytesPerSecond === null ? bytes.length : Math.max(256, Math.floor(bytesPerSecond / 100));
    for (let at = 0; at < bytes.length; at += size) {
      queue.push({ bytes: bytes.subarray(at, at + size), dueMs });
    }
    waitingBytes += bytes.length;
    if (waitingBytes >= mostWaitingBytes) from.pause();
    if (!to.writableNeedDrain) pump();
  });
  from.on('end', () => {
    ended = true;
    pump();
  });
  return {
    from,
    stateChanged: pump,
    close() {
      clearTimeout(timer);
    },
  };
}
