import { HistogramLogReader, listTags } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import { summarizeHistogram, summarizeLatency } from '../../bench/analysis/latency.ts';
import type { JournalEntry } from '../../bench/model.ts';
import { type HistogramLog, histogramLogs } from '../../bench/report/hlog.ts';
import { inTwoParts } from '../analysis/in-two-parts.ts';
import { buildJournal, buildLoad, buildOperation } from '../analysis/journal-builder.ts';

async function logsOf(entries: Iterable<JournalEntry>): Promise<readonly HistogramLog[]> {
  const logs: HistogramLog[] = [];
  for await (const log of histogramLogs(entries)) logs.push(log);
  return logs;
}

describe('histogram logs', () => {
  const journal = buildJournal({ blocks: 2 });

  test('are one per finished slice', async () => {
    const names = (await logsOf(journal)).map(({ name }) => name);
    expect(names).toHaveLength(16);
    expect(new Set(names).size).toBe(16);
    expect(names).toContain('block-2-replicated-read-saturation.hlog');
  });

  test('of parts are a file each', async () => {
    const names = (await logsOf(inTwoParts(journal))).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('block-2-replicated-read-saturation.hlog');
    expect(names).toContain('block-2-replicated-read-saturation-2.hlog');
  });

  test('are read by the HdrHistogram library: tags, times, the same distribution', async () => {
    const steady = journal.find((entry) => entry.type === 'slice-end' && entry.kind === 'steady');
    if (steady?.type !== 'slice-end') throw new Error('expected a steady slice');
    const name = `block-1-${steady.arm}-steady.hlog`;
    const log = (await logsOf(journal)).find((each) => each.name === name);
    expect(listTags(log?.text ?? '')).toEqual(
      ['agent', 'dashboard', 'create-contact'].flatMap((operation) => [
        `${operation}.service`,
        `${operation}.response`,
        `${operation}.lag`,
      ]),
    );
    const reader = new HistogramLogReader(log?.text ?? '');
    for (const operation of steady.load.operations) {
      for (const encoded of [operation.serviceTime, operation.responseTime, operation.scheduleLag]) {
        const histogram = reader.nextIntervalHistogram();
        if (histogram === null) throw new Error('expected a histogram');
        expect(summarizeHistogram(histogram)).toEqual(summarizeLatency([encoded]));
        const startMs = Date.parse('2026-01-02T03:04:05Z') + steady.load.startedAtMs;
        expect(histogram.startTimeStampMsec).toBeCloseTo(startMs, -1);
        expect(histogram.endTimeStampMsec - histogram.startTimeStampMsec).toBeCloseTo(2006, -1);
      }
    }
    expect(reader.nextIntervalHistogram()).toBeNull();
  });

  test('have tags and names that the format and any disk allow', async () => {
    const [plan] = journal;
    const load = buildLoad({ operations: [buildOperation({ name: 'a, b c' })] });
    const where = { arm: '../up', block: 1, kind: 'steady', offeredRateHz: 1, atMs: 9 } as const;
    const [log] = await logsOf([...(plan ? [plan] : []), { type: 'slice-end', ...where, load }]);
    expect(log?.name).toBe('block-1-..-up-steady.hlog');
    expect(listTags(log?.text ?? '')).toEqual(['a-b-c.service', 'a-b-c.response', 'a-b-c.lag']);
  });

  test('leave out what was not recorded, and slices that did not end', async () => {
    const closed = journal.filter((entry) => entry.type !== 'slice-end' || entry.kind === 'warm-up');
    const logs = await logsOf(closed);
    expect(logs).toHaveLength(4);
    expect(listTags(logs[0]?.text ?? '')).not.toContain('agent.lag');
  });
});
