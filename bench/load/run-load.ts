import type { LoadPlan, LoadProgress, LoadResult, LoadStream, OperationClass } from '../model.ts';
import { profileDurationMs } from './arrivals.ts';
import { type HealthWatch, watchHealth } from './health.ts';
import { createHistory } from './history.ts';
import type { ConnectTarget } from './http-connection.ts';
import { createOpenLoop } from './open-loop.ts';
import { checkPlan } from './plan.ts';
import { createHistogram, createRecorder } from './recorder.ts';
import type { RequestTarget } from './request-template.ts';
import { createSessions } from './sessions.ts';
import type { StreamRun } from './stream.ts';
import { createTracer } from './trace.ts';

/** Between the end of the set-up and the zero of the schedule: enough for every stream to begin. */
const leadMs = 5;
const progressMs = 1000;

/**
 * Runs all streams of a plan at the same time, in this process, and waits for their last answers.
 * @throws UsageError for a plan that cannot be run as it is.
 * @throws the signal's reason when aborted.
 */
export async function runLoad(
  plan: LoadPlan,
  options: {
    readonly clock: () => number;
    readonly onProgress?: (progress: LoadProgress) => void;
    readonly signal: AbortSignal;
  },
): Promise<LoadResult> {
  const { clock, signal } = options;
  checkPlan(plan);
  signal.throwIfAborted();
  const hasClosed = plan.streams.some((stream) => stream.kind === 'closed');
  // autocannon takes a third of a second of CPU to load, so only a plan that needs it pays for it.
  const closedLoop = hasClosed ? await import('./closed-loop.ts') : null;
  const interval = { read: createHistogram(), write: createHistogram() };
  const open = createRecorder(plan, 'open', interval);
  const closed = createRecorder(plan, 'closed', interval);
  const durationMs = Math.max(...plan.streams.map(streamDurationMs));
  const history = createHistory(plan);
  const tracer = createTracer(plan);
  const sessions = createSessions(plan, history);
  const context = { clock, target: parseTarget(plan.baseUrl), sessions, tracer };

  const runs: StreamRun[] = [];
  let progress: NodeJS.Timeout | undefined;
  let health: HealthWatch | undefined;
  let reported = false;
  try {
    // Building the clients of a closed stream takes milliseconds, which must not fall into the schedule.
    plan.streams.forEach((stream, lane) => {
      if (stream.kind === 'open') runs.push(createOpenLoop(plan, stream, lane, open, context));
      else if (closedLoop !== null)
        runs.push(closedLoop.createClosedLoop(plan, stream, lane, closed, context));
    });
    health = watchHealth(clock);
    progress = setInterval(report, progressMs);
    const originMs = clock() + leadMs;
    const endMs = originMs + durationMs;
    for (const recorder of [open, closed]) recorder.scheduleEndsAt(endMs);
    for (const run of runs) run.begin(originMs);
    await waitUntil(endMs, clock, signal);
    // Before the drain: waiting for one slow answer would dilute whatever the generator suffered.
    const generator = health.stop();
    // A plan of less than a second would else have gone by without a word.
    if (!reported) report();
    const allFinished = Promise.all(runs.map((run) => run.finished));
    await Promise.race([allFinished, waitUntil(endMs + plan.drainMs, clock, signal)]);
    const nowMs = clock();
    await Promise.all(runs.map((run) => run.stop(nowMs)));
    const seen = history.result(originMs);
    return {
      startedAtMs: originMs,
      durationMs,
      drainedMs: Math.max(0, nowMs - endMs),
      operations: [...open.results(), ...closed.results()],
      generator,
      ...(seen === undefined ? {} : { history: seen }),
      ...(tracer === null ? {} : { trace: tracer.result(originMs) }),
    };
  } finally {
    clearInterval(progress);
    health?.stop();
    await Promise.all(runs.map((run) => run.stop(clock())));
  }

  function report(): void {
    reported = true;
    options.onProgress?.(snapshot());
  }

  function snapshot(): LoadProgress {
    const atMs = clock();
    const streams = runs.map((run) => run.progress(atMs));
    const sum = (count: 'due' | 'completed' | 'inFlight' | 'waiting'): number =>
      streams.reduce((total, stream) => total + stream[count], 0);
    return {
      atMs,
      due: sum('due'),
      completed: sum('completed'),
      inFlight: sum('inFlight'),
      waiting: sum('waiting'),
      interval: { read: takeInterval('read'), write: takeInterval('write') },
    };
  }

  function takeInterval(name: OperationClass): { readonly count: number; readonly p95Ms: number | null } {
    const histogram = interval[name];
    const count = histogram.totalCount;
    const p95Ms = count === 0 ? null : histogram.getValueAtPercentile(95) / 1000;
    histogram.reset();
    return { count, p95Ms };
  }
}

function streamDurationMs(stream: LoadStream): number {
  return stream.kind === 'open' ? profileDurationMs(stream.segments) : stream.durationMs;
}

function parseTarget(baseUrl: string): ConnectTarget & RequestTarget {
  const url = new URL(baseUrl);
  const secure = url.protocol === 'https:';
  return {
    secure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    host: url.host,
    pathPrefix: url.pathname.replace(/\/+$/, ''),
  };
}

/** Resolves at a time of the clock; rejects with the signal's reason. */
function waitUntil(atMs: number, clock: () => number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', abort);
        resolve();
      },
      Math.max(0, Math.ceil(atMs - clock())),
    );
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
