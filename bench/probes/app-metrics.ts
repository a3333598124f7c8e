import { EnvironmentError } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { type Counters, createContinuedCounters } from './continued-counters.ts';
import { toMicrosecond } from './microsecond.ts';
import type { Probe } from './probe.ts';
import { type PrometheusSample, parsePrometheus } from './prometheus-text.ts';

export interface AppMetricsOptions {
  /** Default `app`; one of several instances has a name of its own. */
  readonly subject?: string;
  readonly everyMs?: number;
  readonly timeoutMs?: number;
  /**
   * Resolution of the application's event-loop monitor, which its figures include: an idle loop shows
   * about this delay. 10 is Node's and prom-client's default.
   */
  readonly eventLoopResolutionMs?: number;
  readonly clock?: () => number;
}

/**
 * The application's own metrics from its Prometheus page, by prom-client's default names:
 * `eventLoopDelayP99Ms` and `eventLoopDelayMeanMs` (gauges, since the previous scrape, without the
 * monitor's resolution), `gcMs` (cumulative), `rssBytes`; from the gauge `db_pool_connections{state}`
 * `poolWaiting` and `poolInUse`, all pools together; and from the counter `cache_requests_total{result}`
 * `cacheHits`, `cacheMisses` and `cacheErrors` (cumulative). Of an application that routes reads itself and says so as
 * the sample application does: `readsTakenOver` and `readsRejected` (cumulative), `takenOverMost`,
 * `takenOverLimit` and `takenOverLimitHz`. Counters go on when the process was started
 * anew. What the page does not have is absent. Rejects when there is no page.
 */
export function createAppMetricsProbe(url: string, options: AppMetricsOptions = {}): Probe {
  const clock = options.clock ?? monotonicMs;
  const timeoutMs = options.timeoutMs ?? 1_000;
  const resolutionMs = options.eventLoopResolutionMs ?? 10;
  const subject = options.subject ?? 'app';
  const closed = new AbortController();
  const continued = createContinuedCounters();
  let startedAt: number | undefined;
  return {
    name: 'app',
    everyMs: options.everyMs ?? 250,
    async sample() {
      const text = await fetchText(url, AbortSignal.any([closed.signal, AbortSignal.timeout(timeoutMs)]));
      const samples = parsePrometheus(text);
      const processStart = samples.find(({ name }) => name === 'process_start_time_seconds')?.value;
      if (processStart !== startedAt) continued.restart();
      startedAt = processStart;
      const values = { ...appGauges(samples, resolutionMs), ...continued.next(appCounters(samples)) };
      return [{ atMs: toMicrosecond(clock()), probe: 'app', subject, values }];
    },
    async [Symbol.asyncDispose]() {
      closed.abort(new EnvironmentError('the probe of the application is closed'));
    },
  };
}

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { signal });
    text = await response.text();
  } catch (cause) {
    throw new EnvironmentError(`metrics of the application cannot be read from ${url}`, { cause });
  }
  if (!response.ok) throw new EnvironmentError(`${url} answered ${response.status} instead of metrics`);
  return text;
}

function appGauges(samples: readonly PrometheusSample[], resolutionMs: number): Values {
  const delayMs = (seconds: number): number => Math.max(0, seconds * 1e3 - resolutionMs);
  return readValues(samples, [
    { name: 'eventLoopDelayP99Ms', metric: 'nodejs_eventloop_lag_p99_seconds', convert: delayMs },
    { name: 'eventLoopDelayMeanMs', metric: 'nodejs_eventloop_lag_mean_seconds', convert: delayMs },
    { name: 'rssBytes', metric: 'process_resident_memory_bytes' },
    { name: 'poolWaiting', metric: 'db_pool_connections', label: 'state="waiting"' },
    { name: 'poolInUse', metric: 'db_pool_connections', label: 'state="in_use"' },
    { name: 'takenOverMost', metric: 'db_fallback_reads_most' },
    { name: 'takenOverLimit', metric: 'db_fallback_limit', label: 'limit="concurrent"' },
    { name: 'takenOverLimitHz', metric: 'db_fallback_limit', label: 'limit="per_second"' },
  ]);
}

function appCounters(samples: readonly PrometheusSample[]): Counters {
  // A counter with labels is not on the page before its first count.
  const routes = samples.some(({ name }) => name === 'db_fallback_limit');
  return {
    ...(routes ? { readsTakenOver: 0, readsRejected: 0 } : {}),
    ...readValues(samples, counters),
  };
}

const counters: readonly ValueOnPage[] = [
  { name: 'gcMs', metric: 'nodejs_gc_duration_seconds_sum', convert: (seconds) => seconds * 1e3 },
  { name: 'cacheHits', metric: 'cache_requests_total', label: 'result="hit"' },
  { name: 'cacheMisses', metric: 'cache_requests_total', label: 'result="miss"' },
  { name: 'cacheErrors', metric: 'cache_requests_total', label: 'result="error"' },
  // The primary because of what replicas lacked, and not because somebody asked for it.
  { name: 'readsTakenOver', metric: 'db_route_total', label: /reason="primary-(?!asked)/ },
  { name: 'readsRejected', metric: 'db_reads_rejected_total' },
];

type Values = Readonly<Record<string, number>>;

interface ValueOnPage {
  readonly name: string;
  readonly metric: string;
  /** Part of the sample's labels; absent = all label sets together. */
  readonly label?: string | RegExp;
  readonly convert?: (value: number) => number;
}

function readValues(samples: readonly PrometheusSample[], wanted: readonly ValueOnPage[]): Values {
  const values: Record<string, number> = {};
  for (const { name, metric, label = '', convert = (value: number) => value } of wanted) {
    const found = samples.filter((sample) => sample.name === metric && sample.labels.search(label) >= 0);
    // Garbage collections of every kind, connections of every pool.
    const value = found.reduce((sum, sample) => sum + sample.value, 0);
    // A page has NaN where nothing was recorded yet.
    if (found.length > 0 && Number.isFinite(value)) values[name] = toMicrosecond(convert(value));
  }
  return values;
}
