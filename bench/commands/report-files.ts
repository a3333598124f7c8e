import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createViewFold, type RunView } from '../analysis/run-view.ts';
import { readJournal } from '../experiment/journal.ts';
import { EnvironmentError, type RunResult, UsageError } from '../model.ts';
import { type ReportFile, renderFiles } from '../report/files.ts';
import { histogramLogs } from '../report/hlog.ts';

export interface AnalysedRun {
  readonly folder: string;
  readonly result: RunResult;
  readonly view: RunView;
}

/**
 * Reads the journal of a run, finished or cut off.
 * @param run path of the run's folder, or its name below `root`
 * @throws UsageError when there is no such run
 */
export async function analyseRun(run: string, root: string): Promise<AnalysedRun> {
  const folder = await findRun(run, root);
  const fold = createViewFold();
  for await (const entry of readJournal(join(folder, 'journal.ndjson'))) fold.add(entry);
  const view = fold.view();
  return { folder, result: view.result, view };
}

/** Writes result.json, the report with its pictures, and the histogram logs into the run's folder. */
export async function writeReport(folder: string, view: RunView): Promise<void> {
  try {
    await writeFiles(folder, renderFiles(view));
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

/** Also takes away the pictures of an earlier rendering that are no longer among them. */
export async function writeFiles(folder: string, files: readonly ReportFile[]): Promise<void> {
  for (const below of new Set(files.map(({ path }) => dirname(path)))) {
    await mkdir(join(folder, below), { recursive: true });
    const kept = new Set(files.map(({ path }) => path));
    for (const name of below === '.' ? [] : await readdir(join(folder, below)))
      if (!kept.has(`${below}/${name}`)) await rm(join(folder, below, name), { recursive: true });
  }
  for (const { path, text } of files) await replaceFile(join(folder, path), text);
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
