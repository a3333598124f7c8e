import type { Checked, Consistency, History, LoadResult, Quantiles, VersionedEvent } from '../model.ts';
import { type CheckedRead, checkReads } from './consistency.ts';

/** Bounds of the freshness curve, milliseconds: from one round trip to what no user would forgive. */
const boundsMs = [2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, null] as const;

/** What the history of a slice shows; null when there is none. */
export function summarizeConsistency({ history }: Pick<LoadResult, 'history'>): Consistency | null {
  if (history === undefined) return null;
  const reads = checkReads(eventsOf(history));
  const stale = reads.filter(isStale);
  return {
    reads: reads.length,
    withoutVersion: history.withoutVersion,
    stale: stale.length,
    staleMs: quantiles(stale.map(({ staleMs }) => staleMs ?? 0)),
    staleVersions: quantiles(stale.map(({ staleVersions }) => staleVersions)),
    ownWrites: check(reads.map(({ readsOwnWrites }) => readsOwnWrites)),
    monotonic: check(reads.map(({ isMonotonic }) => isMonotonic)),
    byNode: byNode(reads),
    freshness: freshness(reads),
  };
}

export function eventsOf(history: History): readonly VersionedEvent[] {
  const { entities, nodes } = history;
  return history.session.map((session, index) => {
    const sentUs = history.sentUs[index] ?? 0;
    return {
      session,
      key: entities[history.entity[index] ?? -1] ?? '',
      kind: history.write[index] === 1 ? 'write' : 'read',
      version: history.version[index] ?? 0,
      startMs: sentUs / 1000,
      // Added before they are divided: equal microseconds must stay equal.
      endMs: (sentUs + (history.tookUs[index] ?? 0)) / 1000,
      node: nodes[history.node[index] ?? -1] ?? '',
    };
  });
}

/** Of parts of one slice, on one axis of time; a session ends with its part. */
export function mergeHistories(
  parts: readonly Pick<LoadResult, 'history' | 'startedAtMs'>[],
): History | undefined {
  const [first] = parts;
  const known = parts.flatMap(({ history, startedAtMs }) =>
    history === undefined ? [] : [{ history, startedAtMs }],
  );
  if (first === undefined || known.length === 0) return undefined;
  const entities = new Map<string, number>();
  const nodes = new Map<string, number>();
  const merged = {
    ...{ session: [] as number[], entity: [] as number[], write: [] as number[], version: [] as number[] },
    ...{ sentUs: [] as number[], tookUs: [] as number[], node: [] as number[] },
  };
  let sessions = 0;
  for (const { history, startedAtMs } of known) {
    const offsetUs = Math.round((startedAtMs - first.startedAtMs) * 1000);
    let most = 0;
    for (let index = 0; index < history.session.length; index += 1) {
      const session = history.session[index] ?? 0;
      most = Math.max(most, session);
      merged.session.push(sessions + session);
      merged.entity.push(indexOf(entities, history.entities[history.entity[index] ?? -1] ?? ''));
      merged.write.push(history.write[index] ?? 0);
      merged.version.push(history.version[index] ?? 0);
      merged.sentUs.push(offsetUs + (history.sentUs[index] ?? 0));
      merged.tookUs.push(history.tookUs[index] ?? 0);
      merged.node.push(indexOf(nodes, history.nodes[history.node[index] ?? -1] ?? ''));
    }
    sessions += most;
  }
  const withoutVersion = known.reduce((sum, { history }) => sum + history.withoutVersion, 0);
  return { ...merged, withoutVersion, entities: [...entities.keys()], nodes: [...nodes.keys()] };
}

function indexOf(names: Map<string, number>, name: string): number {
  const index = names.get(name) ?? names.size;
  names.set(name, index);
  return index;
}

function isStale({ staleMs }: CheckedRead): boolean {
  return staleMs !== null;
}

function check(answers: readonly (boolean | null)[]): Checked {
  const judged = answers.filter((answer) => answer !== null);
  return { checked: judged.length, violations: judged.filter((kept) => !kept).length };
}

function byNode(reads: readonly CheckedRead[]): Consistency['byNode'] {
  const names = [...new Set(reads.map(({ read }) => read.node))].sort((a, b) => a.localeCompare(b, 'en'));
  return Object.fromEntries(
    names.map((name) => {
      const own = reads.filter(({ read }) => read.node === name);
      return [
        name,
        {
          reads: own.length,
          stale: own.filter(isStale).length,
          ownWriteViolations: own.filter(({ readsOwnWrites }) => readsOwnWrites === false).length,
          monotonicViolations: own.filter(({ isMonotonic }) => isMonotonic === false).length,
        },
      ];
    }),
  );
}

/** Whether a read showed the *latest* answered write, by how long ago that was: t-visibility, as it was measured. */
function freshness(reads: readonly CheckedRead[]): Consistency['freshness'] {
  return boundsMs.flatMap((belowMs, index) => {
    const fromMs = boundsMs[index - 1] ?? 0;
    const own = reads.filter(
      ({ sinceWriteMs }) =>
        sinceWriteMs !== null && sinceWriteMs >= fromMs && (belowMs === null || sinceWriteMs < belowMs),
    );
    const fresh = own.filter(({ staleVersions }) => staleVersions === 0).length;
    return own.length === 0 ? [] : [{ belowMs, reads: own.length, fresh }];
  });
}

/** Nearest rank; null without any. */
function quantiles(values: readonly number[]): Quantiles | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return sorted.length === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
