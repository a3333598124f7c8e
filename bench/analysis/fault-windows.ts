/** What requests met around each fault, from the trace of the slice. */
import {
  type FaultPhase,
  type FaultPhases,
  type FaultWindow,
  type JournalEntry,
  type LoadResult,
  outcomeNames,
  type Trace,
} from '../model.ts';

export type FaultEntry = Extract<JournalEntry, { readonly type: 'fault' }>;

/** The time that a system has for noticing a fault. */
const noticedMs = 2_000;
/** How much slower than before is still as before. */
const settledRatio = 1.2;
const stepMs = 50;
/** A P95 of less than this time says little. */
const leastMs = 1_000;

/** The faults of a slice, in the order of their beginnings; [] when nothing was broken. */
export function faultWindows(
  entries: readonly FaultEntry[],
  load: Pick<LoadResult, 'startedAtMs' | 'durationMs' | 'trace'>,
): readonly FaultWindow[] {
  const { startedAtMs, durationMs, trace } = load;
  const requests = trace === undefined ? [] : requestsOf(trace);
  const indexes = [...new Set(entries.map(({ index }) => index))];
  return indexes.flatMap((index) => {
    const own = entries.filter((entry) => entry.index === index);
    const begins = own.filter(({ phase }) => phase === 'begin');
    const [first] = begins;
    if (first === undefined) return [];
    const ends = own.filter(({ phase }) => phase === 'end');
    // Whichever of them was broken first: it is one fault.
    const nodes = begins.map(({ node }) => node).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const fromMs = Math.max(0, Math.min(...begins.map(({ atMs }) => atMs)) - startedAtMs);
    const lastMs = Math.max(...ends.map(({ atMs }) => atMs)) - startedAtMs;
    const toMs = ends.length < begins.length || lastMs >= durationMs ? null : lastMs;
    return [
      {
        ...{ fault: first.fault, nodes, fromMs, toMs },
        read: phases(
          requests.filter(({ write }) => !write),
          fromMs,
          toMs,
          durationMs,
        ),
        write: phases(
          requests.filter(({ write }) => write),
          fromMs,
          toMs,
          durationMs,
        ),
        readsAgainMs: toMs === null ? null : readsAgain(requests, nodes, toMs),
      },
    ];
  });
}

interface Request {
  readonly write: boolean;
  readonly dueMs: number;
  readonly tookMs: number;
  readonly fate: 'ok' | 'failed' | 'rejected';
  readonly node: string;
}

function requestsOf(trace: Trace): readonly Request[] {
  return trace.dueUs.map((dueUs, index) => ({
    write: trace.write[index] === 1,
    dueMs: dueUs / 1000,
    tookMs: (trace.tookUs[index] ?? 0) / 1000,
    fate:
      trace.rejected[index] === 1
        ? 'rejected'
        : outcomeNames[trace.outcome[index] ?? -1] === 'ok'
          ? 'ok'
          : 'failed',
    node: trace.nodes[trace.node[index] ?? -1] ?? '',
  }));
}

function phases(
  requests: readonly Request[],
  fromMs: number,
  toMs: number | null,
  durationMs: number,
): FaultPhases {
  const endMs = toMs ?? durationMs;
  const noticed = Math.min(fromMs + noticedMs, endMs);
  const before = phase(requests, 0, fromMs);
  return {
    before,
    first: phase(requests, fromMs, noticed),
    during: phase(requests, noticed, endMs),
    after: phase(requests, endMs, toMs === null ? endMs : durationMs),
    settledMs: before.p95Ms === null ? null : settled(requests, fromMs, endMs, before.p95Ms * settledRatio),
  };
}

function phase(requests: readonly Request[], fromMs: number, toMs: number): FaultPhase {
  const own = requests.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs);
  const count = (fate: Request['fate']): number => own.filter((request) => request.fate === fate).length;
  const p95Ms = p95(own);
  return {
    requests: own.length,
    failed: count('failed'),
    rejected: count('rejected'),
    p95Ms: Number.isFinite(p95Ms) ? p95Ms : null,
  };
}

/** Nearest rank. A request that failed is still waiting for a good answer; infinite, too, without any. */
function p95(requests: readonly Request[]): number {
  const took = requests
    .filter(({ fate }) => fate !== 'rejected')
    .map(({ fate, tookMs }) => (fate === 'ok' ? tookMs : Number.POSITIVE_INFINITY))
    .sort((a, b) => a - b);
  return took[Math.ceil(took.length * 0.95) - 1] ?? Number.POSITIVE_INFINITY;
}

/** From the end to the beginning, because every step asks about all that was due after it. */
function settled(requests: readonly Request[], fromMs: number, toMs: number, boundMs: number): number | null {
  const latestFirst = requests
    .filter(({ fate, dueMs }) => fate !== 'rejected' && dueMs >= fromMs && dueMs < toMs)
    .sort((a, b) => b.dueMs - a.dueMs);
  const steps = Math.floor((toMs - leastMs - fromMs) / stepMs);
  let count = 0;
  let within = 0;
  let since: number | null = null;
  for (let step = steps; step >= 0; step -= 1) {
    const afterMs = step * stepMs;
    for (let one = latestFirst[count]; one !== undefined; one = latestFirst[count]) {
      if (one.dueMs < fromMs + afterMs) break;
      count += 1;
      if (one.fate === 'ok' && one.tookMs <= boundMs) within += 1;
    }
    if (count > 0 && within >= Math.ceil(count * 0.95)) since = afterMs;
  }
  return since;
}

function readsAgain(requests: readonly Request[], nodes: readonly string[], toMs: number): number | null {
  const firsts = nodes.map((node) =>
    Math.min(
      ...requests
        .filter((request) => !request.write && request.fate === 'ok' && request.node === node)
        .map(({ dueMs, tookMs }) => dueMs + tookMs)
        .filter((endedMs) => endedMs >= toMs),
    ),
  );
  const last = Math.max(...firsts);
  return Number.isFinite(last) ? last - toMs : null;
}
