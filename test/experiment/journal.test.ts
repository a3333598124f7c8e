import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openJournal, readJournal } from '../../bench/experiment/journal.ts';
import type { JournalEntry } from '../../bench/model.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replibench-journal-'));
  path = join(folder, 'journal.ndjson');
});
afterEach(() => rm(folder, { recursive: true }));

const step = (name: string): JournalEntry => ({ type: 'step', atMs: 1, name, durationMs: 2 });

async function read(): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const entry of readJournal(path)) entries.push(entry);
  return entries;
}

test('what was flushed is on disk before the journal is closed', async () => {
  await using journal = await openJournal(path);
  journal.append(step('a'));
  await journal.flush();
  expect(await readFile(path, 'utf8')).toBe(`${JSON.stringify(step('a'))}\n`);
});

test('entries come back in order, also across many writes', async () => {
  const names = Array.from({ length: 5_000 }, (_, index) => `step ${index}`);
  {
    await using journal = await openJournal(path);
    for (const name of names) journal.append(step(name));
  }
  expect((await read()).map((entry) => entry.type === 'step' && entry.name)).toEqual(names);
});

test('a last line that a kill cut off is left out, at whatever byte', async () => {
  const whole = `${JSON.stringify(step('a'))}\n${JSON.stringify(step('ü'))}\n`;
  const first = Buffer.byteLength(`${JSON.stringify(step('a'))}\n`);
  const total = Buffer.byteLength(whole);
  for (let cut = first + 1; cut < total - 1; cut += 1) {
    await writeFile(path, whole);
    await truncate(path, cut);
    expect(await read()).toEqual([step('a')]);
  }
});

test('a broken line in the middle is an error that names it', async () => {
  await writeFile(path, `${JSON.stringify(step('a'))}\nnot json\n`);
  await appendFile(path, `${JSON.stringify(step('b'))}\n`);
  await expect(read()).rejects.toThrow('line 2 is not JSON');
});

test('a disk that takes nothing is reported at the flush', async () => {
  await using journal = await openJournal('/dev/full');
  journal.append(step('a'));
  await expect(journal.flush()).rejects.toThrow('/dev/full cannot be written');
});
