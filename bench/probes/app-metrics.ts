import { EnvironmentError } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
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
 * monitor's resolution), `gcMs` (cumulative), `rssBytes`; and from the gauge
 * `db_pool_connections{state}` `poolWaiting` and `poolInUse`, all pools together. What the page does not have is absent.
 * Rejects when there is no page.
 */
export function createAppMetricsProbe(url: string, options: AppMetricsOptions = {}): Probe {
  const clock = options.clock ?? monotonicMs;
  const timeoutMs = options.timeoutMs ?? 1_000;
  const resolutionMs = options.eventLoopResolutionMs ?? 10;
  const subject = options.subject ?? 'app';
  const closed = new AbortController();
  return {
    name: 'app',
    everyMs: options.everyMs ?? 250,
    async sample() {
      const text = await fetchText(url, AbortSignal.any([closed.signal, AbortSignal.timeout(timeoutMs)]));
      const values = appValues(parsePrometheus(text), resolutionMs);
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

function appValues(
  samples: readonly PrometheusSample[],
  resolutionMs: number,
): Readonly<Record<string, number>> {
  const delayMs = (seconds: number): number => Math.max(0, seconds * 1e3 - resolutionMs);
  const values: Record<string, number> = {};
  const take = (name: string, metric: string, convert: (value: number) => number, label = ''): void => {
    const found = samples.filter((sample) => sample.name === metric && sample.labels.includes(label));
    // All label sets together: garbage collections of every kind, connections of every pool.
    const value = found.reduce((sum, sample) => sum + sample.value, 0);
    // A page has NaN where nothing was recorded yet.
    if (found.length > 0 && Number.isFinite(value)) values[name] = toMicrosecond(convert(value));
  };
  const asItIs = (value: number): number => value;
  take('eventLoopDelayP99Ms', 'nodejs_eventloop_lag_p99_seconds', delayMs);
  take('eventLoopDelayMeanMs', 'nodejs_eventloop_lag_mean_seconds', delayMs);
  take('gcMs', 'nodejs_gc_duration_seconds_sum', (seconds) => seconds * 1e3);
  take('rssBytes', 'process_resident_memory_bytes', asItIs);
  take('poolWaiting', 'db_pool_connections', asItIs, 'state="waiting"');
  take('poolInUse', 'db_pool_connections', asItIs, 'state="in_use"');
  return values;
}
