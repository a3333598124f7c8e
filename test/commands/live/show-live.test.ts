import { describe, expect, test } from 'vitest';
import type { CommandContext } from '../../../bench/commands/context.ts';
import { showLive } from '../../../bench/commands/live/show-live.ts';
import { buildJournal } from '../../analysis/journal-builder.ts';
import { textOf } from '../../report/page/read-html.ts';
import { readEvents } from './event-reader.ts';

const journal = buildJournal({ blocks: 1, sliceMs: 1000 });

function contextOf(written: string[]): CommandContext {
  return {
    write: (text) => void written.push(text),
    isTty: false,
    columns: 80,
    workingFolder: '/somewhere',
    commandLine: 'replibench compare --live',
    version: '0',
    signal: new AbortController().signal,
  };
}

const urlIn = (written: readonly string[]): string =>
  /http:\/\/127\.0\.0\.1:\d+\//.exec(written.join(''))?.[0] ?? 'none';

describe('--live', () => {
  test('serves a pretended run from its begin to its end, then nothing', async () => {
    const written: string[] = [];
    let events: Awaited<ReturnType<typeof readEvents>> | undefined;
    const outcome = await showLive(async (watch) => {
      events = await readEvents(`${urlIn(written)}events?have=0`);
      for (const entry of journal) watch(entry);
      return { folder: '/somewhere/reports/one' };
    }, contextOf(written));
    expect(outcome.folder).toBe('/somewhere/reports/one');
    expect(written.filter((text) => text.includes('http://'))).toHaveLength(1);
    expect((await events?.next('over'))?.data).toContain('reports/one/report.html');
    const last = events?.seen.findLast(({ event }) => event === 'page');
    expect(textOf(String(Reflect.get(Object(last?.data), 'body')))).toContain('PASS');
    await expect(fetch(urlIn(written))).rejects.toThrow();
  });

  test('of a run that fails tells its viewers, passes the error on and leaves nothing', async () => {
    const written: string[] = [];
    let events: Awaited<ReturnType<typeof readEvents>> | undefined;
    const failing = showLive(async () => {
      events = await readEvents(`${urlIn(written)}events`);
      throw new Error('initdb failed');
    }, contextOf(written));
    await expect(failing).rejects.toThrow('initdb failed');
    expect((await events?.next('over'))?.data).toContain('without a report');
    await expect(fetch(urlIn(written))).rejects.toThrow();
  });

  test('that breaks says so once, and the run goes on', async () => {
    const written: string[] = [];
    const { folder } = await showLive(async (watch) => {
      await readEvents(`${urlIn(written)}events?have=0`);
      // Nothing that a journal has: folding it throws inside the thread.
      const broken = { type: 'slice-end', kind: 'steady', load: null } as unknown as Parameters<
        typeof watch
      >[0];
      watch(broken);
      for (const entry of journal.slice(0, 1)) watch(entry);
      while (!written.join('').includes('stopped')) await new Promise((resolve) => setTimeout(resolve, 5));
      for (const entry of journal) watch(entry);
      return { folder: '/somewhere' };
    }, contextOf(written));
    expect(folder).toBe('/somewhere');
    expect(written.filter((text) => text.includes('the live view has stopped'))).toHaveLength(1);
  });
});
