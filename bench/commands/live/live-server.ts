import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LivePage } from './live-page.ts';

/** Serves a live page on loopback to as many viewers as come. Disposing closes every connection. */
export interface LiveServer extends AsyncDisposable {
  readonly port: number;
  /** How many follow the events now. */
  readonly viewers: number;
  /** Tells the viewers what is new; without any, nothing is made. */
  update(): void;
  /** The last thing that they are told; they come no more. */
  finish(words: string): Promise<void>;
}

/** A viewer with so much unread gets the newest page when it has read, and none of those between. */
const mostUnreadBytes = 1_000_000;
const keepAliveMs = 15_000;
const retryMs = 1000;

interface Viewer {
  readonly response: ServerResponse;
  version: number;
  status: string;
}

export async function startLiveServer(page: LivePage): Promise<LiveServer> {
  const viewers = new Set<Viewer>();
  let over: string | null = null;

  const tell = (viewer: Viewer, last = false): void => {
    const { response } = viewer;
    if (viewer.status !== page.status) {
      viewer.status = page.status;
      send(response, 'status', page.status);
    }
    if (viewer.version === page.version) return;
    if (!last && response.writableLength > mostUnreadBytes) return;
    viewer.version = page.version;
    send(response, 'page', page.snapshot(), page.version);
  };

  const follow = (request: IncomingMessage, response: ServerResponse, url: URL): void => {
    response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream' });
    response.write(`retry: ${retryMs}\n\n`);
    // After a lost connection the browser says which event it had last; before that, the page knows.
    const had = request.headers['last-event-id'] ?? url.searchParams.get('have');
    const viewer: Viewer = { response, version: had === null ? -1 : Number(had), status: '' };
    response.on('drain', () => tell(viewer));
    response.on('close', () => viewers.delete(viewer));
    viewers.add(viewer);
    tell(viewer);
    if (over !== null) response.end(eventText('over', over));
  };

  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    // A page elsewhere whose name was made to point here must not read what is measured here.
    if (![`127.0.0.1:${port}`, `localhost:${port}`].includes(request.headers.host ?? ''))
      return refuse(response, 403);
    const origin = `http://127.0.0.1:${port}`;
    const asked = request.url ?? '/';
    if (!URL.canParse(asked, origin)) return refuse(response, 400);
    const url = new URL(asked, origin);
    if (request.method !== 'GET') return refuse(response, 405);
    if (url.pathname === '/events') return follow(request, response, url);
    if (url.pathname !== '/') return refuse(response, 404);
    response.writeHead(200, { ...headers, 'Content-Type': 'text/html; charset=utf-8' });
    response.end(page.document());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const keepAlive = setInterval(() => {
    for (const { response } of viewers) response.write(':\n\n');
  }, keepAliveMs);

  return {
    port: (server.address() as AddressInfo).port,
    get viewers() {
      return viewers.size;
    },
    update() {
      for (const viewer of viewers) tell(viewer);
    },
    async finish(words) {
      over = words;
      await Promise.all(
        [...viewers].map((viewer) => {
          tell(viewer, true);
          return new Promise<void>((resolve) => {
            viewer.response.once('close', resolve);
            viewer.response.end(eventText('over', words));
          });
        }),
      );
    },
    async [Symbol.asyncDispose]() {
      clearInterval(keepAlive);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

const headers = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
} as const;

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, headers);
  response.end();
}

function send(response: ServerResponse, event: string, data: unknown, id?: number): void {
  response.write(eventText(event, data, id));
}

/** JSON has no line break outside of its strings, and inside them it is written as an escape. */
function eventText(event: string, data: unknown, id?: number): string {
  const number = id === undefined ? '' : `id: ${id}\n`;
  return `${number}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
