/** Wraps a route: runs it, names the node that served its queries, and sends its result as JSON. */
import type { Request, RequestHandler } from 'express';
import { recordServingNode, type Served } from '../db/serving-node.ts';

export const nodeHeader = 'x-db-node';

/** `x-db-node` is set on failures as well: a 404 came from some node, too, and a stale one may be why. */
export function answer(status: number, handle: (request: Request) => Promise<unknown>): RequestHandler {
  return async (request, response) => {
    const served: Served = { node: undefined };
    let body: unknown;
    try {
      body = await recordServingNode(served, () => handle(request));
    } finally {
      if (served.node !== undefined) response.setHeader(nodeHeader, served.node);
    }
    response.status(status).json(body);
  };
}
