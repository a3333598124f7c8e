import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { startServer } from '../../src/app/server.ts';
import { freePort } from '../support/postgres.ts';

/** Lets a test decide when each request is answered. */
function heldRequests(): {
  listener(request: IncomingMessage, response: ServerResponse): void;
  next(): Promise<ServerResponse>;
} {
  const arrived: ServerResponse[] = [];
  let wake: (() => void) | undefined;
  return {
    listener(_request, response) {
      arrived.push(response);
      wake?.();
    },
    async next() {
      while (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const response = arrived.shift();
      if (response === undefined) throw new Error('no request arrived');
      return response;
    },
  };
}

async function send(url: string, agent: Agent): Promise<IncomingMessage> {
  const [response] = await once(get(url, { agent }), 'response');
  response.resume();
  await once(response, 'end');
  return response;
}

test('stopping waits for the answer in flight on a kept-alive connection, and for nothing else', async () => {
  const held = heldRequests();
  const server = await startServer(held.listener, { host: '127.0.0.1', port: await freePort() });
  // Two kept-alive connections: one will be idle, one busy. Neither client ever hangs up by itself.
  const idle = new Agent({ keepAlive: true });
  const busy = new Agent({ keepAlive: true });
  const first = send(server.url, idle);
  (await held.next()).end('first');
  await first;
  const second = send(server.url, busy);
  const response = await held.next();
  const stopped = server.stop(60_000);
  response.end('second');
  expect((await second).statusCode).toBe(200);
  expect(await stopped).toBe(0);
  idle.destroy();
  busy.destroy();
});

test('after the deadline what is still in flight is cut, and counted', async () => {
  const held = heldRequests();
  const server = await startServer(held.listener, { host: '127.0.0.1', port: await freePort() });
  const agent = new Agent();
  const lost = send(server.url, agent).catch((error: unknown) => error);
  await held.next();
  expect(await server.stop(10)).toBe(1);
  expect(await lost).toMatchObject({ code: 'ECONNRESET' });
});

test('a port in use rejects with its code', async () => {
  const address = { host: '127.0.0.1', port: await freePort() };
  const server = await startServer(() => undefined, address);
  await expect(startServer(() => undefined, address)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await server.stop(0);
});
