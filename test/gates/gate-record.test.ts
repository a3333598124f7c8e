/** What gates leave for later ones: false alarms on record, and the history of an anchor. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HistoryEntry } from '../../bench/commands/gate/history-file.ts';
import { leftoversWithin, nothing, runCli } from '../support/cli.ts';
import { checkouts, flags, openShop, readResult, type Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(() => shop[Symbol.asyncDispose]());

const historyOf = async (path: string): Promise<readonly HistoryEntry[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

async function runFolders(reports: string): Promise<readonly string[]> {
  const entries = await readdir(reports, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [join(reports, entry.name)] : [])).sort();
}

test('a self-test is kept on record, and a job is told of all in one table', async () => {
  const summary = join(shop.repository, 'summary.md');
  const { code, output } = await runCli(flags(shop.reports, '--self-test', '2'), {
    cwd: shop.repository,
    env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary },
  });
  const results = await Promise.all((await runFolders(shop.reports)).map(readResult));
  expect(results, output).toHaveLength(2);
  expect(results[0]?.seed).not.toBe(results[1]?.seed);
  const entries = await historyOf(join(shop.reports, 'gate-history.ndjson'));
  expect(entries.map(({ kind, runId, verdict }) => ({ kind, runId, verdict }))).toEqual(
    results.map(({ runId, gate }) => ({ kind: 'self-test', runId, verdict: gate?.verdict })),
  );
  expect(entries[0]?.method).toBe(entries[1]?.method);
  const valid = entries.filter(({ verdict }) => verdict !== 'invalid');
  expect(valid.length, output).toBeGreaterThan(0);
  const told = await readFile(summary, 'utf8');
  expect(told.match(/^#/gm)).toHaveLength(1);
  expect(told).toContain(`${valid.length} A/A run${valid.length === 1 ? '' : 's'}`);
  for (const { runId } of results) expect(told).toContain(runId);
  // Annotations are for regressions, and these are none.
  expect(output).not.toMatch(/^::/m);
  // The second gate's report knows of the first.
  expect(results[1]?.gate?.record?.runs).toBe(entries[0]?.verdict === 'invalid' ? undefined : 1);
  expect(code).toBe(entries.some(({ verdict }) => verdict === 'fail') ? 1 : 0);
  expect(checkouts()).toBe('');
});

// Once more when the machine was taken by others, which is invalid and no answer.
test('a commit is recorded against its anchor, and a change is judged by ten of such runs', {
  retry: 2,
}, async () => {
  const history = join(shop.reports, 'gate-history.ndjson');
  const recorded = await runCli(flags(shop.reports, 'record', '--against', 'HEAD'), { cwd: shop.repository });
  expect(recorded.output).toContain(`recorded in ${history}`);
  expect(recorded.code).toBe(0);
  const [entry] = await historyOf(history);
  if (entry === undefined) throw new Error('nothing was recorded');
  const { 'app.cpuMsPerRequest': ratio } = entry.logRatios;
  expect(entry).toMatchObject({ kind: 'anchored', reference: shop.git('rev-parse', 'HEAD'), blocks: 6 });
  expect(Math.abs(ratio ?? Number.NaN)).toBeLessThan(0.3);

  // Nine more days like that one, each a little different.
  const days = Array.from({ length: 9 }, (_, day) => ({
    ...{ ...entry, runId: `day-${day}` },
    logRatios: { 'app.cpuMsPerRequest': (ratio ?? 0) + 0.01 * Math.sin(day) },
  }));
  await writeFile(history, [entry, ...days].map((one) => `${JSON.stringify(one)}\n`).join(''));
  await shop.change(
    'app.use(express.json());',
    'app.use((q, s, next) => { const until = performance.now() + 3; while (performance.now() < until); next(); });\napp.use(express.json());',
  );
  const judged = await runCli(flags(shop.reports, '--history', '--against', 'HEAD'), {
    cwd: shop.repository,
  });
  const result = await readResult((await runFolders(shop.reports)).at(-1) ?? '');
  expect(result.gate?.rules.history?.logRatios['app.cpuMsPerRequest'], judged.output).toHaveLength(10);
  const [row] = result.gate?.rows ?? [];
  expect(row).toMatchObject({ metric: 'app.cpuMsPerRequest', verdict: 'fail' });
  expect(row?.effect).toBeGreaterThan(0.5);
  expect(judged.code, judged.output).toBe(1);
  // It judges by the history, and adds nothing to it.
  expect(await historyOf(history)).toHaveLength(10);
  expect(await leftoversWithin(0, result.runId)).toEqual(nothing);
});

test('runs that were measured in another way are not counted', async () => {
  const like = { schemaVersion: 1, kind: 'anchored', at: new Date().toISOString(), runId: 'x' };
  const entry = {
    ...like,
    ...{ fingerprintClass: 'any', scenario: 'bookshop', method: 'another', candidate: null },
    ...{ reference: shop.git('rev-parse', 'HEAD'), verdict: 'pass', blocks: 6, seconds: 1, logRatios: {} },
  };
  const history = join(shop.repository, 'history.ndjson');
  await writeFile(history, Array.from({ length: 12 }, () => `${JSON.stringify(entry)}\n`).join(''));
  const { code, output } = await runCli(flags(shop.reports, '--history', history, '--against', 'HEAD'), {
    cwd: shop.repository,
  });
  expect(output).toMatch(/has 0 runs of bookshop against this anchor .* at least 10 are needed/s);
  expect(code).toBe(3);
});
