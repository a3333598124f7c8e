import type { LoadPlan, LoadStream } from '../model.ts';
import { createArrivals, profileDurationMs } from './arrivals.ts';
import { createDeadlines } from './deadlines.ts';
import { HttpConnection } from './http-connection.ts';
import { createOperationMix, type DrawnRequest } from './operation-mix.ts';
import { randomStream } from './random.ts';
import type { Recorder } from './recorder.ts';
import type { NextStep, Visit } from './sessions.ts';
import type { StreamContext, StreamProgress, StreamRun } from './stream.ts';
import { retryAfterHeader } from './trace.ts';

type OpenStream = Extract<LoadStream, { readonly kind: 'open' }>;

/** Spinning may use about this share of a core; at modest rates it buys a lag far under the timer's grain. */
const spinShare = 0.02;

/**
 * Sends each request at its due time, whatever the answers do (an open loop): a slow server is met by
 * the same arrivals as a fast one, so its queue is seen instead of omitted.
 *
 * The backlog takes no memory. Requests are drawn when they are sent, so the ones that wait are simply
 * the part of the seeded schedule between the drawing position and now; nothing is ever dropped. Steps of
 * sessions become due as answers come, and are measured from then on as if they had been on the schedule.
 */
export function createOpenLoop(
  plan: LoadPlan,
  stream: OpenStream,
  lane: number,
  recorder: Recorder,
  context: StreamContext,
): StreamRun {
  const { clock, target, sessions, tracer } = context;
  const wanted = [...(sessions?.wanted ?? []), ...(tracer === null ? [] : [retryAfterHeader])];
  const durationMs = profileDurationMs(stream.segments);
  const createSchedule = () =>
    createArrivals({
      arrivals: stream.arrivals,
      segments: stream.segments,
      random: randomStream(plan.seed, lane, 2),
    });
  const nextArrival = createSchedule();
  const countingArrival = createSchedule();
  const mix = createOperationMix(plan, stream.classes, target, [lane]);
  const isHead = plan.operations.map((operation) => operation.method === 'HEAD');

  const idle: HttpConnection[] = [];
  const busy = new Set<HttpConnection>();
  /** Steps of sessions that are not sent yet, the next one first. */
  const following: (NextStep & { readonly dueMs: number })[] = [];
  let originMs = 0;
  let nextDueMs = Number.POSITIVE_INFINITY;
  let countedDueMs = Number.POSITIVE_INFINITY;
  let due = 0;
  let completed = 0;
  let sent = 0;
  let stepsSent = 0;
  let pending: { readonly atMs: number; readonly cancel: () => void } | null = null;
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
    const { operation, dueMs, startedMs } = connection;
    recorder.record(operation, outcome, dueMs, startedMs, nowMs, answer);
    if (tracer !== null) {
      const { status, servedBy, values } = connection.parser;
      const traced = answer === null ? null : { status, servedBy, retryAfter: values.at(-1) ?? '' };
      tracer.add(operation, outcome, dueMs, nowMs, traced);
    }
    const { visit } = connection;
    if (outcome !== 'ok' || sessions === null || visit === null) return;
    const next = sessions.answered(visit, operation, connection.parser, startedMs, nowMs);
    if (next !== null) follow(next, nowMs + next.afterMs);
  }

  function leaveUnsent(operation: number, dueMs: number, nowMs: number): void {
    recorder.due(operation);
    recorder.record(operation, 'unsent', dueMs, null, nowMs, null);
    tracer?.add(operation, 'unsent', dueMs, nowMs, null);
  }

  /** What would be due after the end belongs to nobody's measurement. */
  function follow(next: NextStep, dueMs: number): void {
    if (dueMs >= originMs + durationMs) return;
    const before = following.findLastIndex((other) => other.dueMs <= dueMs);
    following.splice(before + 1, 0, { ...next, dueMs });
  }

  function pump(startMs: number): void {
    if (stopped) return;
    let nowMs = startMs;
    while (busy.size < stream.maxInFlight && earliestMs() <= nowMs) {
      sendNext(nowMs);
      nowMs = clock();
    }
    const nextMs = earliestMs();
    if (nextMs === Number.POSITIVE_INFINITY && busy.size === 0) markFinished();
    else if (busy.size < stream.maxInFlight && (pending === null || nextMs < pending.atMs))
      wait(nextMs, nowMs);
  }

  function earliestMs(): number {
    return Math.min(nextDueMs, following[0]?.dueMs ?? Number.POSITIVE_INFINITY);
  }

  function sendNext(nowMs: number): void {
    const [step] = following;
    if (step !== undefined && sessions !== null && step.dueMs <= nextDueMs) {
      following.shift();
      stepsSent += 1;
      const { drawn, visit } = sessions.step(step, mix);
      send(drawn, visit, step.dueMs, nowMs);
      return;
    }
    const dueMs = nextDueMs;
    nextDueMs = originMs + nextArrival();
    const drawn = mix.draw();
    send(drawn, sessions === null ? null : sessions.begin(drawn), dueMs, nowMs);
  }

  function send(drawn: DrawnRequest, visit: Visit | null, dueMs: number, nowMs: number): void {
    const { operation, request } = drawn;
    const connection = takeConnection(nowMs);
    connection.operation = operation;
    connection.visit = visit;
    connection.dueMs = dueMs;
    connection.startedMs = nowMs;
    sent += 1;
    busy.add(connection);
    recorder.due(operation);
    deadlines.add(connection);
    const stamped = sessions === null || visit === null ? request : sessions.stamp(request, visit.session);
    connection.send(stamped, isHead[operation] === true);
  }

  /** The one used last, so that no more connections stay open than the load needs. */
  function takeConnection(nowMs: number): HttpConnection {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.reusable(nowMs)) return last;
      last.destroy();
    }
    return new HttpConnection(target, handlers, wanted);
  }

  /**
   * Sleeps in whole milliseconds, the timer's grain. Where spinning on the event loop for the rest would
   * cost little it does so; otherwise it sleeps past the due time, by less than a millisecond, at once.
   */
  function wait(atMs: number, nowMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) return;
    pending?.cancel();
    const ms = Math.max(0, atMs - nowMs);
    const wholeMs = Math.floor(ms);
    const spin = ms - wholeMs < spinMs();
    if (spin && wholeMs === 0) {
      const immediate = setImmediate(wake);
      pending = { atMs, cancel: () => clearImmediate(immediate) };
    } else {
      const timer = setTimeout(wake, Math.min(60_000, spin ? wholeMs : wholeMs + 1));
      pending = { atMs, cancel: () => clearTimeout(timer) };
    }
  }

  function wake(): void {
    pending = null;
    pump(clock());
  }

  /** Half of it is spun per request on average, so that the rate so far bounds the CPU that spinning takes. */
  function spinMs(): number {
    const perMs = (sent + 1) / Math.max(Math.min(nextDueMs, clock()) - originMs, 1);
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
      const steps = stepsSent + following.filter(({ dueMs }) => dueMs <= nowMs).length;
      const all = due + steps;
      return { due: all, completed, inFlight: busy.size, waiting: Math.max(0, all - sent) };
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
      for (const { dueMs, index } of following) {
        if (dueMs > nowMs) continue;
        leaveUnsent(index, dueMs, nowMs);
      }
      for (; nextDueMs <= nowMs; nextDueMs = originMs + nextArrival()) {
        const { operation } = mix.draw();
        leaveUnsent(operation, nextDueMs, nowMs);
      }
      markFinished();
    },
  };
}
