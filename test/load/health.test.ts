import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { watchHealth } from '../../bench/load/health.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';

test('a blocked event loop, CPU time and garbage collection are seen', async () => {
  const health = watchHealth(monotonicMs);
  await spinWithTurns(50);
  blockFor(200);
  // Fills the young generation several times over.
  let kept: unknown[] = [];
  for (let index = 0; index < 3_000_000; index += 1) kept = [index, kept.length];
  await spinWithTurns(50);
  const seen = health.stop();
  // The probe has a grain of 10 ms, and the block may begin anywhere in it.
  expect(seen.eventLoopDelayMaxMs).toBeGreaterThan(170);
  expect(seen.cpuMs).toBeGreaterThan(100);
  expect(seen.cpuPercent).toBeGreaterThan(10);
  expect(seen.gcMs).toBeGreaterThan(0);
  expect(seen.gcMaxMs).toBeLessThanOrEqual(seen.gcMs);
  expect(seen.rssBytes).toBeGreaterThan(10e6);
});

test('an idle loop is not late by the grain of the probe', async () => {
  // Its own interval of 10 ms must not be reported; of several tries one is undisturbed by other processes.
  const delays: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    const health = watchHealth(monotonicMs);
    await new Promise((resolve) => setTimeout(resolve, 100));
    delays.push(health.stop().eventLoopDelayP99Ms);
  }
  expect(Math.min(...delays)).toBeLessThan(9);
});

/** As pacing spins: the loop turns all the time. */
async function spinWithTurns(ms: number): Promise<void> {
  const endMs = monotonicMs() + ms;
  while (monotonicMs() < endMs) await turn();
}

function blockFor(ms: number): void {
  const endMs = monotonicMs() + ms;
  while (monotonicMs() < endMs) Math.sqrt(endMs);
}
