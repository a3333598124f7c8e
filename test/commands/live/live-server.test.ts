import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLivePage, type LivePage } from '../../../bench/commands/live/live-page.ts';
import { type LiveServer, startLiveServer } from '../../../bench/commands/live/live-server.ts';
import { buildJournal } from '../../analysis/journal-builder.ts';
import { sectionOf, tablesOf, textOf } from '../../report/page/read-html.ts';
import { readEvents } from './event-reader.ts';

const journal = buildJournal({ blocks: 2, sliceMs: 1000 });
const ends = [...journal.keys()].filter((index) => journal[index]?.type === 'slice-end');
/** Where so many slices are finished, warm-ups among them. */
const slicesDone = (slices: number): number => (ends[slices - 1] ?? 0) + 1;

let page: LivePage;
let server: LiveServer;
let given: number;
beforeEach(async () => {
  page = createLivePage();
  server = await startLiveServer(page);
  given = 0;
});
afterEach(() => server[Symbol.asyncDispose]());

const address = (path: string): string => `http://127.0.0.1:${server.port}${path}`;
/** Lets the run go on to this entry of its journal. */
const goOn = (to: number): void => {
  for (const entry of journal.slice(given, to)) page.add(entry);
  given = to;
  server.update();
};
const verdictOf = (data: unknown): string =>
  textOf(/<section class="verdict[\s\S]*?<\/section>/.exec(bodyOf(data))?.[0] ?? 'none');
const bodyOf = (data: unknown): string => (data as { readonly body: string }).body;

describe('the live view', () => {
  test('is a whole page before anything is known, and says so', async () => {
    const html = await (await fetch(address('/'))).text();
    expect(html).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect(textOf(html)).toContain('The run is being set up');
    expect(html).toContain("connect-src 'self'");
  });

  test('shows the blocks as their slices finish, and no verdict before the end', async () => {
    await using events = await readEvents(address('/events?have=0'));
    goOn(slicesDone(8));
    const first = bodyOf((await events.next('page')).data);
    expect(textOf(first)).toContain('RUNNING');
    expect(textOf(first)).toContain('1 of 2 blocks are finished');
    expect(textOf(first)).not.toMatch(/CUT OFF|PASS|exit code|killed|cut off/);
    expect(tablesOf(sectionOf(first, 'blocks'))[0]?.rows.map(([block]) => block)).toEqual(['1']);
    goOn(journal.length);
    const last = bodyOf((await events.next('page')).data);
    expect(textOf(last)).toMatch(/✓ PASS exit code 0/);
    expect(tablesOf(sectionOf(last, 'blocks'))[0]?.rows.map(([block]) => block)).toEqual(['1', '2']);
  });

  test('says what happens now', async () => {
    await using events = await readEvents(address('/events?have=0'));
    expect((await events.next('status')).data).toBe('setting up');
    goOn(journal.findIndex(({ type }) => type === 'slice-start') + 1);
    const arm = journal.find((entry) => entry.type === 'slice-start')?.arm;
    expect((await events.next('status')).data).toBe(`block 1 of 2: ${arm}, warm-up`);
  });

  test('tells every viewer the same, and goes on when one leaves', async () => {
    await using one = await readEvents(address('/events?have=0'));
    const other = await readEvents(address('/events?have=0'));
    goOn(slicesDone(4));
    const [seen, same] = [await one.next('page'), await other.next('page')];
    expect(seen).toEqual(same);
    expect(server.viewers).toBe(2);
    await other[Symbol.asyncDispose]();
    await until(() => server.viewers === 1);
    goOn(slicesDone(8));
    expect((await one.next('page')).id).not.toBe(seen.id);
  });

  test('sends one who lost the connection what is new since, and nothing when nothing is', async () => {
    goOn(slicesDone(4));
    const first = await readEvents(address('/events?have=0'));
    const { id } = await first.next('page');
    await first[Symbol.asyncDispose]();
    await using same = await readEvents(address('/events?have=0'), id);
    await same.next('status');
    goOn(slicesDone(5));
    const next = await same.next('page');
    expect(Number(next.id)).toBeGreaterThan(Number(id));
    expect(same.seen.filter(({ event }) => event === 'page')).toHaveLength(1);
    await using late = await readEvents(address('/events?have=0'), id);
    expect(await late.next('page')).toEqual(next);
  });

  test('does not send a page again that was just loaded', async () => {
    goOn(slicesDone(4));
    const html = await (await fetch(address('/'))).text();
    const have = /id="live"[^>]* data-version="(\d+)"/.exec(html)?.[1];
    await using events = await readEvents(address(`/events?have=${have}`));
    await events.next('status');
    goOn(slicesDone(5));
    await events.next('page');
    expect(events.seen.filter(({ event }) => event === 'page')).toHaveLength(1);
  });

  test('ends with the last page and a last word, also for one who comes just then', async () => {
    await using events = await readEvents(address('/events?have=0'));
    goOn(journal.length - 1);
    for (const entry of journal.slice(-1)) page.add(entry);
    await server.finish('the report is there');
    expect(verdictOf((await events.next('page')).data)).toContain('RUNNING');
    expect((await events.next('over')).data).toBe('the report is there');
    const last = events.seen.findLast(({ event }) => event === 'page');
    expect(verdictOf(last?.data)).toContain('PASS');
    await events.ended;
    await using late = await readEvents(address('/events?have=0'));
    expect((await late.next('over')).data).toBe('the report is there');
  });

  test('makes no page while nobody looks, and one for all who do', async () => {
    let made = 0;
    const counted: LivePage = {
      add: (entry) => page.add(entry),
      get version() {
        return page.version;
      },
      get status() {
        return page.status;
      },
      snapshot() {
        made += 1;
        return page.snapshot();
      },
      document: () => page.document(),
    };
    await using own = await startLiveServer(counted);
    for (const entry of journal.slice(0, slicesDone(4))) {
      page.add(entry);
      own.update();
    }
    expect(made).toBe(0);
    await using events = await readEvents(`http://127.0.0.1:${own.port}/events?have=0`);
    await events.next('page');
    expect(made).toBe(1);
    expect(page.snapshot()).toBe(page.snapshot());
  });

  test('answers names of this machine alone, and nothing but its two paths', async () => {
    expect(await statusOf({ path: '/', host: `127.0.0.1:${server.port}` })).toBe(200);
    expect(await statusOf({ path: '/', host: `localhost:${server.port}` })).toBe(200);
    expect(await statusOf({ path: '/', host: 'attacker.example' })).toBe(403);
    expect(await statusOf({ path: '/events', host: 'attacker.example' })).toBe(403);
    expect(await statusOf({ path: '//', host: 'attacker.example' })).toBe(403);
    // No address at all: the view goes on.
    expect(await statusOf({ path: '//', host: `127.0.0.1:${server.port}` })).toBe(400);
    expect(await statusOf({ path: '/', host: `127.0.0.1:${server.port}` })).toBe(200);
    expect(await statusOf({ path: '/../package.json', host: `127.0.0.1:${server.port}` })).toBe(404);
    expect(await statusOf({ path: '/', host: `127.0.0.1:${server.port}`, method: 'POST' })).toBe(405);
  });

  test('leaves nothing when it ends, whoever still looks', async () => {
    const events = await readEvents(address('/events?have=0'));
    const url = address('/');
    await server[Symbol.asyncDispose]();
    await events.ended;
    await expect(fetch(url)).rejects.toThrow();
    server = await startLiveServer(page);
  });
});

function statusOf({
  path,
  host,
  method = 'GET',
}: {
  path: string;
  host: string;
  method?: string;
}): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: server.port, path, method, headers: { host } },
      (response) => {
        response.destroy();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
