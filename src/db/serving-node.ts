/**
 * Which node served a query, known from the connection that ran it and from nothing else: each connection
 * is tagged with its node when it is made, and the query hook reads the tag of the connection it used.
 * Pools may recycle connections as they like; the tag lives and dies with its connection.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DatabaseNode } from './configuration.ts';

export interface Served {
  /** Name of the node that ran the most recent query; undefined before the first. */
  node: string | undefined;
}

export interface NodeTags {
  tag(connection: object, host: string, port: number): void;
  nodeOf(connection: object): string | undefined;
}

const storage = new AsyncLocalStorage<Served>();

/** Runs `work`; every query inside writes its node into `served`. */
export function recordServingNode<Result>(served: Served, work: () => Result): Result {
  return storage.run(served, work);
}

/** Writes down the node that just ran a query of the current request, if anybody asked. */
export function noteServingNode(node: string | undefined): void {
  const served = storage.getStore();
  if (served !== undefined) served.node = node;
}

/** Tags connections with the name of the node at their address. */
export function createNodeTags(nodes: readonly DatabaseNode[]): NodeTags {
  const names = new Map(nodes.map((node) => [`${node.host}:${node.port}`, node.name]));
  const tags = new WeakMap<object, string>();
  return {
    tag(connection, host, port) {
      const name = names.get(`${host}:${port}`);
      if (name !== undefined) tags.set(connection, name);
    },
    nodeOf: (connection) => tags.get(connection),
  };
}
