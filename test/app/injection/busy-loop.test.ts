import { expect, test } from 'vitest';
import { burnCpu } from '../../../src/app/injection/busy-loop.ts';

/** A clock that moves on by 1 µs a look, and how often it was looked at; every `everyLooks` it stops for `pauseMs`. */
function clockOf(pauseMs = 0, everyLooks = Number.POSITIVE_INFINITY) {
  let now = 0;
  let looks = 0;
  return {
    read: () => {
      looks += 1;
      now += looks % everyLooks === 0 ? pauseMs : 0.001;
      return now;
    },
    looks: () => looks,
    now: () => now,
  };
}

test('runs for the time that was asked for', () => {
  const clock = clockOf();
  burnCpu(0.5, clock.read);
  expect(clock.looks()).toBeGreaterThanOrEqual(501);
  expect(clock.looks()).toBeLessThan(504);
});

test('does not take a pause for work: the loop goes round as often as without', () => {
  const alone = clockOf();
  burnCpu(5, alone.read);
  const disturbed = clockOf(40, 1_000);
  burnCpu(5, disturbed.read);
  // Some 5 pauses of 40 ms in 5,000 looks, of which each counts as 20 µs.
  expect(disturbed.now()).toBeGreaterThan(150);
  expect(disturbed.looks() / alone.looks()).toBeGreaterThan(0.97);
});

test('ends on a clock that is coarse', () => {
  const coarse = clockOf(1, 1);
  burnCpu(0.5, coarse.read);
  expect(coarse.looks()).toBeLessThan(30);
});
