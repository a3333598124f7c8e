/**
 * How often a gate finds a regression that is there: gates of this commit against itself, with a fault of a known
 * size injected into the candidate. `node test/bench/gate-power.ts <folder> [times] [faults]`
 * A fault is a share of the CPU per request (`5%` = a busy loop of a twentieth of it) or a value of INJECT
 * (`dropped-index`). Runs are added to `<folder>/power.ndjson`, so the work of an hour can be done in pieces;
 * the table of all of them that were decided in the same way on such a machine goes to `<folder>/power.md`. Nothing else
 * should run on the machine.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fingerprintClass } from '../../bench/analysis/gate/record.ts';
import { median } from '../../bench/analysis/median.ts';
import type { GateVerdict, MetricId, RunResult } from '../../bench/model.ts';

interface PowerRun {
  readonly at: string;
  /** Of the program that measured, and of the application. */
  readonly commit: string;
  readonly machine: string;
  readonly looks: readonly number[];
  readonly fault: string;
  readonly inject: string;
  readonly runId: string;
  readonly verdict: GateVerdict;
  readonly exitCode: number;
  readonly blocks: number;
  readonly seconds: number;
  readonly sentence: string;
  readonly failed: readonly MetricId[];
  /** Of the reference, which the busy loop is a share of. */
  readonly cpuMsPerRequest: number | null;
  readonly effects: Readonly<Partial<Record<MetricId, number | null>>>;
  /** What was decided on: every gated metric in every block, reference and candidate. */
  readonly values: Readonly<Partial<Record<MetricId, readonly (readonly (number | undefined)[])[]>>>;
}

/** Of the sample application on the machine that this was written on; used until the first run has measured it. */
const firstGuessMs = 1.7;

const { positionals } = parseArgs({ allowPositionals: true });
const [folder = 'reports/gate-power', times = '5', faults = '10%,dropped-index,5%,20%'] = positionals;
const record = join(resolve(folder), 'power.ndjson');
await mkdir(folder, { recursive: true });
const changed = git('status', '--porcelain', '--', 'bench', 'src', 'scenarios', 'package-lock.json');
if (changed !== '')
  throw new Error(`only a commit is measured against itself, but there are changes:\n${changed}`);
const commit = git('rev-parse', '--short=12', 'HEAD');

// All faults once before any of them a second time: what changes on the machine changes for all.
for (let round = 0; round < Number(times); round += 1) {
  for (const fault of faults.split(',')) {
    const known = await readRuns();
    const inject = injection(fault, known);
    process.stdout.write(`${fault}, ${round + 1} of ${times}: INJECT=${inject} ... `);
    const run = await gateOnce(fault, inject);
    await appendFile(record, `${JSON.stringify(run)}\n`);
    await writeFile(join(folder, 'power.md'), renderTable(await readRuns()));
    process.stdout.write(`${run.verdict} after ${run.blocks} blocks, ${run.seconds} s\n`);
  }
}
process.stdout.write(`\n${renderTable(await readRuns())}`);

async function gateOnce(fault: string, inject: string): Promise<PowerRun> {
  const out = join(resolve(folder), 'runs');
  const known = new Set(await runsIn(out));
  const begun = performance.now();
  const gate = spawn(
    process.execPath,
    ['bench/cli.ts', 'gate', '--against', 'HEAD', '--candidate-env', `INJECT=${inject}`, '--out', out],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const [exitCode] = await once(gate, 'exit');
  const seconds = Math.round((performance.now() - begun) / 1000);
  const made = (await runsIn(out)).find((name) => !known.has(name));
  if (made === undefined) throw new Error(`the gate left no run in ${out}: it ended with ${exitCode}`);
  const result: RunResult = JSON.parse(await readFile(join(out, made, 'result.json'), 'utf8'));
  const { gate: decided } = result;
  if (decided === undefined) throw new Error(`${made} is no gate`);
  const { rows, guards, rules } = decided;
  return {
    ...{ at: result.startedAt, commit, machine: fingerprintClass(result.fingerprint), looks: rules.looks },
    ...{ fault, inject, runId: result.runId, verdict: decided.verdict, exitCode },
    ...{ blocks: result.completion.finishedBlocks, seconds, sentence: decided.sentence },
    failed:
      decided.verdict === 'fail'
        ? [...rows, ...guards].flatMap(({ metric, verdict }) => (verdict === 'fail' ? [metric] : []))
        : [],
    cpuMsPerRequest: rows.find(({ metric }) => metric === 'app.cpuMsPerRequest')?.reference ?? null,
    effects: Object.fromEntries(rows.map(({ metric, effect }) => [metric, effect])),
    values: Object.fromEntries(
      rows.map(({ metric }) => [
        metric,
        result.arms.map(({ metrics }) => metrics[metric]?.perBlock.map(({ value }) => value) ?? []),
      ]),
    ),
  };
}

/**
 * A busy loop of so many milliseconds costs a little less than that: an application that spins finds more of its next
 * requests waiting and wakes up less often. How much less is taken from the runs so far, so that the size is
 * what CPU per request shows, whatever the gates said.
 */
function injection(fault: string, known: readonly PowerRun[]): string {
  if (!fault.endsWith('%')) return fault;
  const loops = known.filter(({ inject }) => inject.startsWith('busy-loop:'));
  const cpuMs = median(known.flatMap(({ cpuMsPerRequest }) => cpuMsPerRequest ?? [])) ?? firstGuessMs;
  const yields = loops.flatMap(({ inject, cpuMsPerRequest, effects }) => {
    const effect = effects['app.cpuMsPerRequest'] ?? null;
    if (effect === null || effect <= 0 || cpuMsPerRequest === null) return [];
    return [(effect * cpuMsPerRequest) / Number(inject.slice('busy-loop:'.length))];
  });
  const ms = (cpuMs * Number(fault.slice(0, -1))) / 100 / (median(yields) ?? 1);
  return `busy-loop:${ms.toFixed(3)}`;
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

async function runsIn(out: string): Promise<readonly string[]> {
  const entries = await readdir(out, { withFileTypes: true }).catch(() => []);
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

async function readRuns(): Promise<readonly PowerRun[]> {
  const text = await readFile(record, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): PowerRun => JSON.parse(line));
}

function renderTable(known: readonly PowerRun[]): string {
  const last = known.at(-1);
  const kind = (run: PowerRun | undefined): string => `${run?.machine} ${run?.looks.join()}`;
  const runs = known.filter((run) => kind(run) === kind(last));
  const names = [...new Set(runs.map(({ fault }) => fault))];
  const rows = names.map((name) => {
    const all = runs.filter(({ fault }) => fault === name);
    const count = (verdict: GateVerdict): number => all.filter((run) => run.verdict === verdict).length;
    const failed = [...new Set(all.flatMap((run) => run.failed))].map(
      (metric) => `${metric} ${all.filter((run) => run.failed.includes(metric)).length}×`,
    );
    const of = (value: (run: PowerRun) => number | null | undefined): number | null =>
      median(all.flatMap((run) => value(run) ?? []));
    const cpu = of((run) => run.effects['app.cpuMsPerRequest']);
    return [
      name.endsWith('%') ? `CPU per request +${name.replace('%', ' %')}` : name,
      ...[all.length, count('fail'), count('inconclusive'), count('pass'), count('invalid')].map(String),
      failed.join(', ') || '–',
      cpu === null ? '–' : `${(cpu * 100).toFixed(1)} %`,
      String(of(({ blocks }) => blocks)),
      ((of(({ seconds }) => seconds) ?? 0) / 60).toFixed(1),
    ];
  });
  const head = 'injected|n|FAIL|INCONCLUSIVE|PASS|INVALID|by|CPU effect seen|blocks|min'.split('|');
  const rule = head.map((_, column) => (column === 0 || column === 6 ? '---' : '---:'));
  const commits = [...new Set(runs.map((run) => run.commit))].join(', ');
  const how = `Looks after ${last?.looks.join(', ')} blocks, on ${last?.machine}, at ${commits}. Faults of a share of the CPU per request are busy loops; blocks and minutes are medians.`;
  return `${how}\n\n${[head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
