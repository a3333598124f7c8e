import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createJournalFold } from '../analysis/fold.ts';
import { readJournal } from '../experiment/journal.ts';
import { EnvironmentError, type RunResult, UsageError } from '../model.ts';
import { histogramLogs } from '../report/hlog.ts';
import { renderJson } from '../report/json.ts';
import { renderMarkdown } from '../report/markdown.ts';

/**
 * Reads the journal of a run, finished or cut off.
 * @param run path of the run's folder, or its name below `root`
 * @throws UsageError when there is no such run
 */
export async function analyseRun(run: string, root: string): Promise<{ folder: string; result: RunResult }> {
  const folder = await findRun(run, root);
  const fold = createJournalFold();
  for await (const entry of readJournal(join(folder, 'journal.ndjson'))) fold.add(entry);
  return { folder, result: fold.result() };
}

/** Writes result.json, report.md and the histogram logs into the run's folder. */
export async function writeReport(folder: string, result: RunResult): Promise<void> {
  try {
    await replaceFile(join(folder, 'result.json'), renderJson(result));
    await replaceFile(join(folder, 'report.md'), renderMarkdown(result));
    await mkdir(join(folder, 'histograms'), { recursive: true });
    const journal = readJournal(join(folder, 'journal.ndjson'));
    for await (const { name, text } of histogramLogs(journal)) {
      await replaceFile(join(folder, 'histograms', name), text);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError(
      `the report in ${folder} cannot be written: ${reason}; the journal is kept, run "replibench report" again`,
      { cause },
    );
  }
}

/** Whole or not at all: a full disk must not take what was there before. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const unfinished = `${path}.tmp`;
  try {
    await writeFile(unfinished, text);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function findRun(run: string, root: string): Promise<string> {
  for (const folder of [resolve(run), resolve(root, run)]) {
    const found = await stat(join(folder, 'journal.ndjson')).catch(() => undefined);
    if (found?.isFile()) return folder;
  }
  throw new UsageError(
    `no run at ${run}: neither ${resolve(run)} nor ${resolve(root, run)} has a journal.ndjson`,
  );
}
