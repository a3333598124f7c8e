import autocannon from 'autocannon';
import type { LoadPlan, LoadStream } from '../model.ts';
import { type AutocannonClient, type ClosedConnection, takeOver } from './autocannon-connection.ts';
import { createDeadlines } from './deadlines.ts';
import { createOperationMix, type DrawnRequest } from './operation-mix.ts';
import type { Recorder } from './recorder.ts';
import type { StreamContext, StreamProgress, StreamRun } from './stream.ts';

type ClosedStream = Extract<LoadStream, { readonly kind: 'closed' }>;

/** autocannon's own timers must never fire: the loop has its own deadlines and its own end. */
const neverSeconds = 1_000_000;

/**
 * A fixed number of connections, each sending its next request as soon as the previous one has ended:
 * the way to find how much the system can do. autocannon drives the sockets; its numbers are ignored,
 * because its histogram counts whole milliseconds, leaves out timeouts and requests in flight, and has no
 * P95. Times come from its `response` events, every other outcome from {@link takeOver}.
 *
 * Each connection draws from its own random lane: a shared list would march in lock-step.
 * Requests that start within the duration count; those in flight at its end are waited for.
 */
export function createClosedLoop(
  plan: LoadPlan,
  stream: ClosedStream,
  lane: number,
  recorder: Recorder,
  context: StreamContext,
): StreamRun {
  const { clock, target, sessions } = context;
  const connections = new Map<AutocannonClient, ClosedConnection>();
  const isHead = plan.operations.map((operation) => operation.method === 'HEAD');
  let due = 0;
  let completed = 0;
  let ending = false;
  let markFinished: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    markFinished = resolve;
  });

  const deadlines = createDeadlines<ClosedConnection>({
    timeoutMs: plan.timeoutMs,
    clock,
    onExpired: (connection, nowMs) => {
      recorder.record(
        connection.operation,
        'timeout',
        connection.startedMs,
        connection.startedMs,
        nowMs,
        null,
      );
      ended(connection);
      connection.reconnect();
    },
  });

  function ended(connection: ClosedConnection): void {
    deadlines.remove(connection);
    connection.inFlight = false;
    completed += 1;
    if (ending && completed === due) markFinished();
  }

  const setupClient = (raw: unknown): void => {
    const client = raw as AutocannonClient;
    const mix = createOperationMix(plan, stream.classes, target, [lane, connections.size]);
    const nextRequest = (): DrawnRequest => {
      const { next } = connection;
      connection.next = null;
      if (sessions === null) return mix.draw();
      if (next !== null) {
        const { drawn, visit } = sessions.step(next, mix);
        connection.visit = visit;
        return drawn;
      }
      const drawn = mix.draw();
      connection.visit = sessions.begin(drawn);
      return drawn;
    };
    const connection = takeOver(client, {
      wanted: sessions?.wanted ?? [],
      draw: () => {
        const { operation, request } = nextRequest();
        connection.operation = operation;
        connection.startedMs = clock();
        connection.head = isHead[operation] === true;
        connection.inFlight = true;
        due += 1;
        recorder.due(operation);
        deadlines.add(connection);
        const { visit } = connection;
        return (sessions === null || visit === null ? request : sessions.stamp(request, visit.session)).text;
      },
      lost: () => {
        const { operation, startedMs } = connection;
        recorder.record(operation, 'connection-error', startedMs, startedMs, clock(), null);
        ended(connection);
      },
    });
    connections.set(client, connection);
  };

  let markClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve;
  });
  const instance = autocannon(
    {
      url: `${target.secure ? 'https' : 'http'}://${target.host}`,
      connections: stream.connections,
      pipelining: 1,
      duration: neverSeconds,
      timeout: neverSeconds,
      sampleInt: 50,
      skipAggregateResult: true,
      setupClient,
    } as autocannon.Options,
    () => markClosed(),
  );
  instance.on('response', (raw, status, _bytes, durationMs) => {
    const connection = connections.get(raw as unknown as AutocannonClient);
    if (connection === undefined || !connection.inFlight) return;
    const nowMs = clock();
    connection.failures = 0;
    const outcome = status < 400 ? 'ok' : 'http-error';
    const startedMs = nowMs - durationMs;
    recorder.record(connection.operation, outcome, startedMs, startedMs, nowMs, {
      status,
      servedBy: connection.servedBy,
    });
    // Steps follow at once: the loop asks what is possible, not what is likely.
    if (outcome === 'ok' && sessions !== null && connection.visit !== null) {
      // When it was drawn: what had been answered before that, it should have shown.
      const { visit, operation, startedMs: drawnMs } = connection;
      connection.next = sessions.answered(visit, operation, connection, drawnMs, nowMs);
    }
    ended(connection);
  });

  let startTimer: NodeJS.Timeout | undefined;
  let endTimer: NodeJS.Timeout | undefined;
  const begin = (originMs: number): void => {
    const sinceNow = (ms: number): number => Math.max(0, originMs + ms - clock());
    startTimer = setTimeout(() => {
      for (const connection of connections.values()) connection.open();
    }, sinceNow(0));
    endTimer = setTimeout(() => {
      ending = true;
      for (const connection of connections.values()) connection.rest();
      if (completed === due) markFinished();
    }, sinceNow(stream.durationMs));
  };

  let stopping: Promise<void> | null = null;
  const stop = async (nowMs: number): Promise<void> => {
    clearTimeout(startTimer);
    clearTimeout(endTimer);
    ending = true;
    for (const connection of connections.values()) {
      connection.close();
      if (!connection.inFlight) continue;
      const { operation, startedMs } = connection;
      recorder.record(operation, 'in-flight-at-end', startedMs, startedMs, nowMs, null);
      ended(connection);
    }
    deadlines.clear();
    markFinished();
    await closed;
  };

  return {
    begin,
    finished,
    progress: (): StreamProgress => ({ due, completed, inFlight: due - completed, waiting: 0 }),
    stop: (nowMs) => {
      stopping ??= stop(nowMs);
      return stopping;
    },
  };
}
