/**
 * How much the blocks of equal builds differ: `npm run gate:spread -- <folder of self-tests> <record>`. Adds the runs of
 * the folder to the record (NDJSON, one gate a line: ln(candidate / reference) of each block) and prints the spread
 * of all that it holds.
 */
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { GateVerdict, MetricId, RunResult } from '../../bench/model.ts';

interface SpreadRun {
  readonly runId: string;
  readonly verdict: GateVerdict;
  readonly logRatios: Readonly<Partial<Record<MetricId, readonly number[]>>>;
}

const { positionals } = parseArgs({ allowPositionals: true });
const [folder = 'reports', record = 'reports/gate-self-test/blocks.ndjson'] = positionals;

const known = await readRecord();
for (const entry of await readdir(folder, { withFileTypes: true })) {
  if (!entry.isDirectory()) continue;
  const text = await readFile(join(folder, entry.name, 'result.json'), 'utf8').catch(() => null);
  const result: RunResult | null = text === null ? null : JSON.parse(text);
  if (result?.gate === undefined || known.some(({ runId }) => runId === result.runId)) continue;
  const run = spreadOf(result, result.gate.verdict);
  known.push(run);
  await appendFile(record, `${JSON.stringify(run)}\n`);
}

const metrics = [...new Set(known.flatMap(({ logRatios }) => Object.keys(logRatios) as MetricId[]))];
process.stdout.write(
  `${known.length} gates of equal builds\n\n| metric | blocks | spread |\n| --- | ---: | ---: |\n`,
);
for (const metric of metrics) {
  const ratios = known.flatMap(({ logRatios }) => logRatios[metric] ?? []);
  // About zero and not about their mean: between equal builds any difference is noise.
  const spread = Math.sqrt(ratios.reduce((sum, ratio) => sum + ratio ** 2, 0) / ratios.length);
  process.stdout.write(`| ${metric} | ${ratios.length} | ${(100 * spread).toFixed(1)} % |\n`);
}

function spreadOf({ runId, arms, gate }: RunResult, verdict: GateVerdict): SpreadRun {
  const [reference, candidate] = arms;
  const logRatios = (gate?.rules.metrics ?? []).map(({ metric }) => {
    const before = new Map(reference?.metrics[metric]?.perBlock.map(({ block, value }) => [block, value]));
    const after = candidate?.metrics[metric]?.perBlock ?? [];
    const ratios = after.map(({ block, value }) => Math.log(value / (before.get(block) ?? Number.NaN)));
    return [metric, ratios.map((ratio) => Number(ratio.toFixed(4)))] as const;
  });
  return { runId, verdict, logRatios: Object.fromEntries(logRatios) };
}

async function readRecord(): Promise<SpreadRun[]> {
  const text = await readFile(record, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): SpreadRun => JSON.parse(line));
}
