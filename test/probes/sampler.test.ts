import { describe, expect, test } from 'vitest';
import type { Reading } from '../../bench/model.ts';
import type { Probe, ReportProblem } from '../../bench/probes/probe.ts';
import { type SamplerOptions, startSampler } from '../../bench/probes/sampler.ts';
import { until } from './cluster.ts';

interface ScriptedProbe extends Probe {
  readonly begun: number;
  readonly closed: boolean;
  /** Samples under way at the same time, at most. */
  readonly most: number;
}

/** A probe whose samples are what `answer` says; its reading carries the number of the sample. */
function probe(
  name: string,
  answer: (sample: number, report: ReportProblem) => Promise<void> | void = () => undefined,
  everyMs = 0,
): ScriptedProbe {
  let begun = 0;
  let underWay = 0;
  let most = 0;
  let closed = false;
  return {
    name,
    everyMs,
    get begun() {
      return begun;
    },
    get most() {
      return most;
    },
    get closed() {
      return closed;
    },
    async sample(report = () => undefined) {
      begun += 1;
      underWay += 1;
      most = Math.max(most, underWay);
      const sample = begun;
      try {
        await answer(sample, report);
      } finally {
        underWay -= 1;
      }
      return [{ atMs: 0, probe: name, subject: name, values: { sample } }];
    },
    async [Symbol.asyncDispose]() {
      closed = true;
    },
  };
}

function start(probes: readonly Probe[], options: Partial<SamplerOptions> = {}) {
  const readings: Reading[] = [];
  const errors: string[] = [];
  const sampler = startSampler({
    probes,
    intervalMs: 5,
    onReadings: (batch) => readings.push(...batch),
    onError: (name, error) => errors.push(`${name}: ${error instanceof Error ? error.message : error}`),
    signal: new AbortController().signal,
    ...options,
  });
  const samplesOf = (name: string): readonly number[] =>
    readings.flatMap(({ subject, values }) => (subject === name ? [values['sample'] ?? -1] : []));
  return { sampler, errors, samplesOf };
}

describe('sampler', () => {
  test('goes on with the others while one probe hangs, and never overlaps it', async () => {
    const hang = Promise.withResolvers<void>();
    const slow = probe('slow', () => hang.promise);
    const quick = probe('quick');
    const { sampler, samplesOf } = start([slow, quick]);
    await using _ = sampler;
    await until(() => samplesOf('quick').length >= 5);
    expect([slow.begun, slow.most]).toEqual([1, 1]);
    hang.resolve();
    await until(() => samplesOf('slow').length >= 2);
    expect(slow.most).toBe(1);
  });

  test('samples nothing at a tick that nobody wants, but what is asked for', async () => {
    let ticks = 0;
    let wanted = false;
    const isWanted = (): boolean => {
      ticks += 1;
      return wanted;
    };
    const idle = probe('idle');
    const { sampler, samplesOf } = start([idle], { isWanted });
    await using _ = sampler;
    await sampler.sampleNow();
    expect(samplesOf('idle')).toEqual([1]);
    await until(() => ticks >= 5);
    expect(idle.begun).toBe(1);
    wanted = true;
    await until(() => samplesOf('idle').length >= 3);
  });

  test('goes on with the others while one probe fails, by rejecting or by throwing', async () => {
    const failing = probe('failing', () => Promise.reject(new Error('no answer')));
    const throwing: Probe = {
      ...probe('throwing'),
      sample: () => {
        throw new Error('broken');
      },
    };
    const { sampler, errors, samplesOf } = start([failing, throwing, probe('quick')]);
    await using _ = sampler;
    await until(() => samplesOf('quick').length >= 5);
    // Five failures of each, told once.
    expect(errors.toSorted()).toEqual(['failing: no answer', 'throwing: broken']);
  });

  test('tells a problem again after it had gone, and keeps the readings beside it', async () => {
    const flaky = probe('flaky', (sample, report) => {
      if (sample !== 3) report(new Error('replica1 is away'));
    });
    const { sampler, errors, samplesOf } = start([flaky]);
    await using _ = sampler;
    await until(() => samplesOf('flaky').length >= 6);
    expect(errors).toEqual(['flaky: replica1 is away', 'flaky: replica1 is away']);
  });

  test('sampleNow takes a sample that began after the call, behind a running one', async () => {
    const gate = Promise.withResolvers<void>();
    const busy = probe('busy', (sample) => (sample === 1 ? gate.promise : undefined));
    const { sampler, samplesOf } = start([busy]);
    await using _ = sampler;
    await until(() => busy.begun === 1);
    const both = Promise.all([sampler.sampleNow(), sampler.sampleNow()]);
    gate.resolve();
    await both;
    expect(samplesOf('busy').slice(0, 2)).toEqual([1, 2]);
    expect(busy.most).toBe(1);
  });

  test('sampleNow asks a probe whose own rhythm is slower', async () => {
    const hourly = probe('hourly', undefined, 3_600_000);
    const { sampler, samplesOf } = start([hourly, probe('quick')]);
    await using _ = sampler;
    await until(() => samplesOf('quick').length >= 5);
    expect(samplesOf('hourly')).toEqual([1]);
    await sampler.sampleNow();
    expect(samplesOf('hourly')).toEqual([1, 2]);
  });

  test('sampleNow does not wait for ever', async () => {
    const hang = Promise.withResolvers<void>();
    const { sampler, samplesOf } = start([probe('hung', () => hang.promise), probe('quick')], {
      boundaryTimeoutMs: 20,
      intervalMs: 3_600_000,
    });
    await sampler.sampleNow();
    expect([samplesOf('hung'), samplesOf('quick')]).toEqual([[], [1]]);
    hang.resolve();
    await sampler[Symbol.asyncDispose]();
    // What was under way is not lost.
    expect(samplesOf('hung')).toEqual([1]);
  });

  test('hands over the readings of a tick at once', async () => {
    const batches: number[] = [];
    const probes = [probe('one'), probe('two'), probe('three')];
    const { sampler } = start(probes, {
      intervalMs: 3_600_000,
      onReadings: (readings) => batches.push(readings.length),
    });
    await using _ = sampler;
    await sampler.sampleNow();
    expect(batches).toEqual([3]);
  });

  test('ends with the signal, and closes its probes when disposed', async () => {
    const stop = new AbortController();
    const quick = probe('quick');
    const { sampler, samplesOf } = start([quick], { signal: stop.signal });
    await until(() => samplesOf('quick').length >= 1);
    stop.abort();
    const begun = quick.begun;
    // Long enough for ticks that must not come.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([quick.begun, quick.closed]).toEqual([begun, false]);
    await sampler[Symbol.asyncDispose]();
    expect(quick.closed).toBe(true);
  });

  test('does not tell of a sample that closing its probe cut off', async () => {
    const cut = Promise.withResolvers<void>();
    const hung: Probe = {
      ...probe('hung', () => cut.promise),
      [Symbol.asyncDispose]: async () => cut.reject(new Error('connection is closed')),
    };
    const { sampler, errors } = start([hung], { boundaryTimeoutMs: 1 });
    await sampler.sampleNow();
    await sampler[Symbol.asyncDispose]();
    expect(errors).toEqual([]);
  });

  test('a receiver that throws does not end the sampling', async () => {
    const quick = probe('quick');
    const { sampler, errors } = start([quick], {
      onReadings: () => {
        throw new Error('no space left');
      },
    });
    await using _ = sampler;
    await until(() => quick.begun >= 5);
    expect(errors[0]).toBe('sampler: no space left');
  });
});
