import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LinkProxy, startProxy, wellLink } from '../../bench/faults/proxy.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';

/** Sends back what it gets. */
let echo: Server;
let proxy: LinkProxy;
const sockets = new Set<Socket>();

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  proxy = await startProxy({ host: '127.0.0.1', port: address.port }, monotonicMs);
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  echo.close();
});

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Milliseconds until everything has come back. */
async function roundTrip(socket: Socket, bytes: number): Promise<number> {
  const startMs = performance.now();
  let received = 0;
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received >= bytes) resolve();
    });
  });
  socket.write(Buffer.alloc(bytes, 7));
  await whole;
  socket.removeAllListeners('data');
  return performance.now() - startMs;
}

describe('a link', () => {
  test('passes on what it gets, and the end of it', async () => {
    const socket = await open();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.end('all of it');
    await once(socket, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('all of it');
  });

  test('takes its delay in each direction, and none for what comes after it has gone', async () => {
    const socket = await open();
    await proxy.set({ ...wellLink, delayMs: 100 });
    expect(await roundTrip(socket, 10)).toBeGreaterThanOrEqual(199);
    await proxy.set(wellLink);
    const quick: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) quick.push(await roundTrip(socket, 10));
    expect(Math.min(...quick)).toBeLessThan(100);
  });

  test('lets no more through than its rate, a little at a time', async () => {
    const socket = await open();
    await proxy.set({ ...wellLink, bytesPerSecond: 100_000 });
    let first: number | undefined;
    const startMs = performance.now();
    socket.once('data', () => {
      first = performance.now() - startMs;
    });
    const tookMs = await roundTrip(socket, 50_000);
    expect(tookMs).toBeGreaterThanOrEqual(480);
    expect(first).toBeLessThan(tookMs / 2);
  });

  test('that is a black hole takes everything, says nothing, and goes on where it was', async () => {
    const socket = await open();
    await roundTrip(socket, 1);
    await proxy.set({ ...wellLink, mode: 'black-hole' });
    const inside = roundTrip(socket, 3);
    const late = await open();
    const fresh = roundTrip(late, 2);
    expect(await Promise.race([inside, fresh, delay(200).then(() => 'silence')])).toBe('silence');
    await proxy.set(wellLink);
    await Promise.all([inside, fresh]);
  });

  test('that is cut resets its connections and refuses new ones, until it is mended', async () => {
    const socket = await open();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await proxy.set({ ...wellLink, mode: 'cut' });
    await closed;
    await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.set(wellLink);
    await roundTrip(await open(), 4);
  });

  test('whose target is away drops the connection', async () => {
    echo.close();
    for (const socket of sockets) socket.destroy();
    const socket = await open();
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  });
});
