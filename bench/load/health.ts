import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { GeneratorHealth } from '../model.ts';

/** Grain of the event-loop probe; short against the delays that matter, cheap at 100 wake-ups a second. */
const resolutionMs = 10;

export interface HealthWatch {
  /** Ends the watch. */
  stop(): GeneratorHealth;
}

/**
 * Watches this process until `stop`: whether the generator itself was too busy to be believed.
 * The delay is how much later than its 10 ms grain a timer fired. Pacing spins by turning the event loop,
 * so it does not hold this timer up.
 */
export function watchHealth(clock: () => number): HealthWatch {
  const startMs = clock();
  const startCpu = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  let gcMs = 0;
  let gcMaxMs = 0;
  const gc = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      gcMs += entry.duration;
      gcMaxMs = Math.max(gcMaxMs, entry.duration);
    }
  });
  delay.enable();
  gc.observe({ entryTypes: ['gc'] });

  return {
    stop() {
      const { user, system } = process.cpuUsage(startCpu);
      const cpuMs = (user + system) / 1000;
      delay.disable();
      gc.disconnect();
      return {
        cpuMs,
        cpuPercent: (100 * cpuMs) / Math.max(1, clock() - startMs),
        eventLoopDelayP99Ms: lateMs(delay.percentile(99)),
        eventLoopDelayMaxMs: lateMs(delay.max),
        gcMs,
        gcMaxMs,
        rssBytes: process.memoryUsage.rss(),
      };
    },
  };
}

/** The probe reports nanoseconds between two firings, its own interval included. */
function lateMs(ns: number): number {
  return Math.max(0, ns / 1e6 - resolutionMs);
}
