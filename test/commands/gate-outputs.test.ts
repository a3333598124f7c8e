import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeGateOutputs } from '../../bench/commands/gate-outputs.ts';
import { commentMarker, renderSummary } from '../../bench/report/ci/summary.ts';
import { foldJournal } from '../analysis/fold-journal.ts';
import { buildJournal } from '../analysis/journal-builder.ts';
import { gateRun } from '../report/gate/gate-run.ts';

let folder: string;
let printed: string;
const write = (text: string): void => {
  printed += text;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replibench-test-'));
  printed = '';
});
afterEach(() => rm(folder, { recursive: true }));

const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('without GitHub', () => {
  test('the three files are written, and nothing is printed', async () => {
    const run = gateRun();
    await writeGateOutputs(folder, run, {}, write);
    expect((await readdir(folder)).sort()).toEqual(['comment.md', 'junit.xml', 'summary.md']);
    expect(await read('summary.md')).toBe(renderSummary(run));
    expect((await read('comment.md')).split('\n')[0]).toBe(commentMarker);
    expect(await read('junit.xml')).toContain('<testsuite ');
    expect(printed).toBe('');
  });

  test('of a run that is no gate nothing is written', async () => {
    await writeGateOutputs(
      folder,
      foldJournal(buildJournal({ blocks: 1 })),
      { GITHUB_ACTIONS: 'true' },
      write,
    );
    expect(await readdir(folder)).toEqual([]);
    expect(printed).toBe('');
  });
});

describe('on GitHub', () => {
  test('the summary is added to what other steps wrote, the annotations stand on lines of their own', async () => {
    const summary = join(folder, 'step-summary');
    await writeFile(summary, 'of an earlier step\n');
    const environment = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary };
    write('a line without an end');
    await writeGateOutputs(folder, gateRun(), environment, write);
    expect(await read('step-summary')).toBe(`of an earlier step\n${renderSummary(gateRun())}`);
    const lines = printed.split('\n');
    expect(lines.filter((line) => line.startsWith('::error '))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('::warning '))).toHaveLength(2);
    expect(printed.endsWith('\n')).toBe(true);
  });

  test('elsewhere no workflow command is printed, whatever the variable says', async () => {
    await writeGateOutputs(folder, gateRun(), { GITHUB_ACTIONS: 'false', GITHUB_STEP_SUMMARY: '' }, write);
    expect(printed).toBe('');
  });
});

describe('what cannot be written is said, and the rest is written', () => {
  test('a summary file that is a folder', async () => {
    const summary = join(folder, 'taken');
    await mkdir(summary);
    await writeGateOutputs(
      folder,
      gateRun(),
      { GITHUB_STEP_SUMMARY: summary, GITHUB_ACTIONS: 'true' },
      write,
    );
    expect(printed).toContain(`warning: ${summary} could not be written: EISDIR`);
    expect(printed).toContain('\n::error ');
    expect(await read('summary.md')).toBe(renderSummary(gateRun()));
  });

  test("a file of the run's folder", async () => {
    await mkdir(join(folder, 'comment.md'));
    await writeFile(join(folder, 'comment.md', 'in the way'), '');
    await writeGateOutputs(folder, gateRun(), {}, write);
    expect(printed).toMatch(/^warning: .*comment\.md could not be written: .*; the verdict stands\n$/);
    expect(await read('junit.xml')).toContain('<testsuite ');
  });

  test('a folder that is gone', async () => {
    await writeGateOutputs(join(folder, 'gone'), gateRun(), {}, write);
    expect(printed.match(/^warning: /gm)).toHaveLength(3);
  });
});
