import { describe, expect, test } from 'vitest';
import { createProgress } from '../../bench/commands/progress.ts';
import type { ExperimentEvent } from '../../bench/experiment/ports.ts';

const visit = (finished: number, planned: number): ExperimentEvent => ({
  kind: 'visit',
  arm: 'baseline',
  block: 1,
  blocks: 6,
  finishedSlices: finished,
  plannedSlices: planned,
});

const progress = (completed: number): ExperimentEvent => ({
  kind: 'progress',
  progress: {
    atMs: 0,
    due: completed,
    completed,
    inFlight: 0,
    waiting: 0,
    interval: { read: { count: completed, p95Ms: 12.3 }, write: { count: 0, p95Ms: null } },
  },
});

function watch(isTty: boolean) {
  let nowMs = 0;
  let text = '';
  const view = createProgress({
    write: (chunk) => {
      text += chunk;
    },
    isTty,
    columns: 80,
    clock: () => nowMs,
    expectedSeconds: 200,
  });
  return {
    view,
    text: () => text,
    pass: (seconds: number) => {
      nowMs += seconds * 1000;
    },
    secondsLeft: (): number => {
      const [, minutes, seconds] = [...text.matchAll(/(\d+):(\d\d) left/g)].at(-1) ?? [];
      return Number(minutes) * 60 + Number(seconds);
    },
  };
}

describe('time left', () => {
  test('never grows while every visit takes the same time, and ends at nothing', () => {
    const { view, pass, secondsLeft } = watch(true);
    let before = Number.POSITIVE_INFINITY;
    for (let number = 0; number < 12; number += 1) {
      view.onEvent(visit(number * 3, 36));
      view.onEvent({ kind: 'slice', arm: 'baseline', block: 1, slice: 'steady', seconds: 16 });
      for (let second = 0; second < 16; second += 1) {
        pass(1);
        view.onEvent(progress(second));
        // The first visit has only the guess to go by.
        if (number > 0) expect(secondsLeft()).toBeLessThanOrEqual(before);
        if (number > 0) before = secondsLeft();
      }
    }
    expect(before).toBe(0);
  });
});

describe('plain lines', () => {
  test('one for each slice, with its rate, P95 and largest lag; no control characters', () => {
    const { view, pass, text } = watch(false);
    view.onEvent(visit(0, 36));
    view.onEvent({ kind: 'slice', arm: 'baseline', block: 1, slice: 'steady', seconds: 4 });
    view.onEvent({ kind: 'lag', node: 'replica1', lagMs: 7 });
    view.onEvent({ kind: 'lag', node: 'replica1', lagMs: 3 });
    pass(1);
    view.onEvent(progress(120));
    view.close();
    expect(text()).toMatch(/^ {2}block 1\/6 · baseline · steady +120 req\/s {2}P95 12\.3 ms +lag 7 ms\n$/);
  });

  test('a step beside the warm-up does not end its slice', () => {
    const { view, pass, text } = watch(false);
    view.onEvent(visit(0, 36));
    view.onEvent({ kind: 'slice', arm: 'baseline', block: 1, slice: 'warm-up', seconds: 2 });
    view.onEvent({ kind: 'step', step: { name: 'write out', durationMs: 250 } });
    pass(1);
    view.onEvent(progress(50));
    view.close();
    expect(text()).toMatch(/warm-up +50 req\/s/);
    expect(text().split('\n')).toHaveLength(2);
  });
});
