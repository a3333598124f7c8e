/** Wraps a route: runs it, names the node that served its queries, and sends its result as JSON. */
import type { Request, RequestHandler, Response } from 'express';
import type { ReadCache } from '../cache/read-cache.ts';
import { recordServingNode, type Served } from '../db/serving-node.ts';
import { closeSession } from './sessions.ts';

export const nodeHeader = 'x-db-node';

/**
 * `x-db-node` is set on failures as well: a 404 came from some node, too, and a stale one may be why. `etag` is the
 * version of what has one.
 */
export function answer(status: number, handle: (request: Request) => Promise<unknown>): RequestHandler {
  return async (request, response) => {
    const body = await namingNode(response, () => handle(request));
    send(response, status, body);
  };
}

function send(response: Response, status: number, body: unknown): void {
  tagVersion(response, body);
  response.status(status).json(body);
}

function tagVersion(response: Response, body: unknown): void {
  if (typeof body !== 'object' || body === null || !('version' in body)) return;
  response.setHeader('etag', `"${String(body.version)}"`);
}

/** A read that the cache may answer. */
export interface CacheableRead {
  /** Null when this one is not cached. */
  readonly key: string | null;
  load(): Promise<unknown>;
}

/**
 * The same for a read with the cache in front, if there is one. Then `x-cache` says `hit` or `miss`, and on
 * a hit `x-db-node` is `cache`, so that nobody counts it as the work of a node. Readers who shared one query
 * all name the node that ran it.
 */
export function answerCached(
  cache: ReadCache | null,
  prepare: (request: Request) => CacheableRead,
): RequestHandler {
  if (cache === null) return answer(200, (request) => prepare(request).load());
  return async (request, response) => {
    const { key, load } = prepare(request);
    const query = async (): Promise<Loaded> => {
      const body = await namingNode(response, load);
      return { body, node: response.get(nodeHeader) };
    };
    if (key === null) {
      send(response, 200, (await query()).body);
      return;
    }
    const cached = await cache.read(key, query, ({ body }) => JSON.stringify(body));
    response.setHeader('x-cache', cached.result === 'hit' ? 'hit' : 'miss');
    if (cached.result === 'hit') {
      response.setHeader(nodeHeader, 'cache');
      tagVersion(response, JSON.parse(cached.text));
      response.status(200).type('json').send(cached.text);
      return;
    }
    const { body, node } = cached.value;
    if (node !== undefined) response.setHeader(nodeHeader, node);
    send(response, 200, body);
  };
}

interface Loaded {
  readonly body: unknown;
  readonly node: string | undefined;
}

async function namingNode<Result>(response: Response, work: () => Promise<Result>): Promise<Result> {
  const served: Served = { node: undefined };
  try {
    return await recordServingNode(served, work);
  } finally {
    if (served.node !== undefined) response.setHeader(nodeHeader, served.node);
    await closeSession(response);
  }
}
