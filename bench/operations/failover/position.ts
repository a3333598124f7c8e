/** Where a failover is, read from the live system alone; so that one that was cut off can go on. Pure. */
import { UsageError } from '../../model.ts';
import type { DataKind } from '../actions/data-kind.ts';
import { type AnsweringNode, answers, type ClusterView, type NodeView } from '../observe/observation.ts';

export interface FailoverView {
  readonly cluster: ClusterView;
  /** What the data of each node that does not answer would make of it. */
  readonly data: ReadonlyMap<string, DataKind>;
}

export interface Position {
  readonly target: AnsweringNode;
  /** The target accepts writes already, on the highest timeline. */
  readonly promoted: boolean;
  /** The node to be fenced: it accepts writes, or would when it starts. Null = there is none. */
  readonly old: NodeView | null;
  /** The other nodes that are standbys and answer. */
  readonly standbys: readonly AnsweringNode[];
  /** Nodes to be brought back as standbys: the old primary, and whoever does not run or has no data. */
  readonly away: readonly NodeView[];
}

/** Throws UsageError when there is no such node, or it cannot take over. */
export function positionOf({ cluster, data }: FailoverView, name: string): Position {
  const target = cluster.nodes.find((node) => node.name === name);
  if (target === undefined) {
    const names = cluster.nodes.map((node) => node.name).join(', ');
    throw new UsageError(`there is no node "${name}"; this stack has ${names}`);
  }
  if (!answers(target)) throw new UsageError(`${name} cannot take over: ${target.problem}`);
  const others = cluster.nodes.filter((node) => node.name !== name);
  const promoted = target.server.role === 'primary' && cluster.primary === name;
  if (target.server.role === 'primary' && !promoted) {
    throw new UsageError(
      `${name} accepts writes, but ${cluster.primary} is primary on a later timeline: fail over to ${cluster.primary}`,
    );
  }
  const writing = others.find(({ server }) => server?.role === 'primary');
  const silent = others.filter((node) => !answers(node));
  const old = writing ?? silent.find((node) => data.get(node.name) === 'primary') ?? null;
  const isAway = (node: NodeView) =>
    node === old ||
    data.get(node.name) === 'none' ||
    (data.has(node.name) && node.container?.state !== 'running');
  return {
    target,
    promoted,
    old,
    standbys: others.filter(answers).filter(({ server }) => server.role === 'replica'),
    away: others.filter(isAway),
  };
}

/** A WAL position as a number of bytes that can be compared. */
export function lsnNumber(lsn: string | null): bigint {
  const [high = '0', low = '0'] = (lsn ?? '0/0').split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** What speaks against the switch before anything is touched; empty = nothing. */
export function objections({ target, old, standbys, promoted }: Position): readonly string[] {
  if (promoted) return [];
  const found: string[] = [];
  const more = standbys.filter(({ server }) => lsnNumber(server.lsn) > lsnNumber(target.server.lsn));
  const isAlive = old !== null && answers(old);
  if (isAlive) {
    const sender = old.server.senders.find(({ applicationName }) => applicationName === target.name);
    if (sender?.state !== 'streaming') {
      const behind = lsnNumber(old.server.lsn) - lsnNumber(target.server.lsn);
      found.push(
        `${target.name} does not stream from ${old.name}: it has WAL up to ${target.server.lsn}, ${old.name} up to ${old.server.lsn} (${behind} bytes more)`,
      );
    }
  } else {
    // With the primary alive an orderly stop evens that out.
    for (const { name, server } of more)
      found.push(`${name} has more: WAL up to ${server.lsn}, ${target.name} up to ${target.server.lsn}`);
  }
  return found;
}
