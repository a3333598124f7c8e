import type { LoadPlan, LoadStream } from '../model.ts';
import { createArrivals } from './arrivals.ts';
import { createDeadlines } from './deadlines.ts';
import { HttpConnection } from './http-connection.ts';
import { createOperationMix } from './operation-mix.ts';
import { randomStream } from './random.ts';
import type { Recorder } from './recorder.ts';
import type { StreamContext, StreamProgress, StreamRun } from './stream.ts';

type OpenStream = Extract<LoadStream, { readonly kind: 'open' }>;

/** Spinning may use about this share of a core; at modest rates it buys a lag far under the timer's grain. */
const spinShare = 0.02;

/**
 * Sends each request at its due time, whatever the answers do (an open loop): a slow server is met by
 * the same arrivals as a fast one, so its queue is seen instead of omitted.
 *
 * The backlog takes no memory. Requests are drawn when they are sent, so the ones that wait are simply
 * the part of the seeded schedule between the drawing position and now; nothing is ever dropped.
 */
export function createOpenLoop(
  plan: LoadPlan,
  stream: OpenStream,
  lane: number,
  recorder: Recorder,
  context: StreamContext,
): StreamRun {
  const { clock, target } = context;
  const createSchedule = () =>
    createArrivals({
      arrivals: stream.arrivals,
      segments: stream.segments,
      random: randomStream(plan.seed, lane, 2),
    });
  const nextArrival = createSchedule();
  const countingArrival = createSchedule();
  const drawRequest = createOperationMix(plan, stream.classes, target, [lane]);
  const isHead = plan.operations.map((operation) => operation.method === 'HEAD');

  const idle: HttpConnection[] = [];
  const busy = new Set<HttpConnection>();
  let originMs = 0;
  let nextDueMs = Number.POSITIVE_INFINITY;
  let countedDueMs = Number.POSITIVE_INFINITY;
  let due = 0;
  let completed = 0;
  let sent = 0;
  let pending: { readonly cancel: () => void } | null = null;
  let stopped = true;
  let markFinished: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    markFinished = resolve;
  });

  const deadlines = createDeadlines<HttpConnection>({
    timeoutMs: plan.timeoutMs,
    clock,
    onExpired: (connection, nowMs) => {
      connection.destroy();
      end(connection, 'timeout', nowMs);
      pump(nowMs);
    },
  });

  const handlers = {
    answered: (connection: HttpConnection) => {
      const nowMs = clock();
      deadlines.remove(connection);
      connection.idleSinceMs = nowMs;
      end(connection, connection.parser.status < 400 ? 'ok' : 'http-error', nowMs);
      if (connection.reusable(nowMs)) idle.push(connection);
      pump(nowMs);
    },
    broke: (connection: HttpConnection) => {
      const nowMs = clock();
      deadlines.remove(connection);
      end(connection, 'connection-error', nowMs);
      pump(nowMs);
    },
  };

  function end(
    connection: HttpConnection,
    outcome: 'ok' | 'http-error' | 'timeout' | 'connection-error' | 'in-flight-at-end',
    nowMs: number,
  ): void {
    busy.delete(connection);
    completed += 1;
    const answer = outcome === 'ok' || outcome === 'http-error' ? connection.parser : null;
    recorder.record(connection.operation, outcome, connection.dueMs, connection.startedMs, nowMs, answer);
  }

  function pump(startMs: number): void {
    if (stopped) return;
    let nowMs = startMs;
    while (nextDueMs <= nowMs && busy.size < stream.maxInFlight) {
      sendNext(nowMs);
      nowMs = clock();
    }
    if (nextDueMs === Number.POSITIVE_INFINITY && busy.size === 0) markFinished();
    else if (pending === null && busy.size < stream.maxInFlight) wait(nextDueMs - nowMs);
  }

  function sendNext(nowMs: number): void {
    const { operation, request } = drawRequest();
    const connection = takeConnection(nowMs);
    connection.operation = operation;
    connection.dueMs = nextDueMs;
    connection.startedMs = nowMs;
    nextDueMs = originMs + nextArrival();
    sent += 1;
    busy.add(connection);
    recorder.due(operation);
    deadlines.add(connection);
    connection.send(request, isHead[operation] === true);
  }

  /** The one used last, so that no more connections stay open than the load needs. */
  function takeConnection(nowMs: number): HttpConnection {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.reusable(nowMs)) return last;
      last.destroy();
    }
    return new HttpConnection(target, handlers);
  }

  /**
   * Sleeps in whole milliseconds, the timer's grain. Where spinning on the event loop for the rest would
   * cost little it does so; otherwise it sleeps past the due time, by less than a millisecond, at once.
   */
  function wait(ms: number): void {
    if (ms === Number.POSITIVE_INFINITY) return;
    const wholeMs = Math.floor(ms);
    const spin = ms - wholeMs < spinMs();
    if (spin && wholeMs === 0) {
      const immediate = setImmediate(wake);
      pending = { cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(wake, Math.min(60_000, spin ? wholeMs : wholeMs + 1));
      pending = { cancel: () => clearTimeout(timer) };
    }
  }

  function wake(): void {
    pending = null;
    pump(clock());
  }

  /** Half of it is spun per request on average, so that the rate so far bounds the CPU that spinning takes. */
  function spinMs(): number {
    const perMs = (sent + 1) / Math.max(nextDueMs - originMs, 1);
    return Math.min(1, (2 * spinShare) / perMs);
  }

  return {
    finished,
    begin(atMs) {
      originMs = atMs;
      nextDueMs = originMs + nextArrival();
      countedDueMs = originMs + countingArrival();
      stopped = false;
      pump(clock());
    },
    progress(nowMs): StreamProgress {
      while (countedDueMs <= nowMs) {
        due += 1;
        countedDueMs = originMs + countingArrival();
      }
      return { due, completed, inFlight: busy.size, waiting: Math.max(0, due - sent) };
    },
    stop(nowMs) {
      if (stopped) return;
      stopped = true;
      pending?.cancel();
      deadlines.clear();
      for (const connection of busy) {
        connection.destroy();
        end(connection, 'in-flight-at-end', nowMs);
      }
      for (const connection of idle) connection.destroy();
      for (; nextDueMs <= nowMs; nextDueMs = originMs + nextArrival()) {
        const { operation } = drawRequest();
        recorder.due(operation);
        recorder.record(operation, 'unsent', nextDueMs, null, nowMs, null);
      }
      markFinished();
    },
  };
}
