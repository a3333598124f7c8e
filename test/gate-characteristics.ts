/** `npm run gate:characteristics [gates] [looks]`: the table of docs/gate.md, made anew. */
import { defaultGateRules } from '../bench/analysis/gate/default-rules.ts';
import type { MetricId } from '../bench/model.ts';
import { simulateGates } from './analysis/gate/simulate-gates.ts';
import { machines } from './analysis/gate/simulated-machine.ts';

const gates = Number(process.argv[2] ?? 4000);
const looks = process.argv[3]?.split(',').map(Number) ?? defaultGateRules.looks;
// Guards are not tested but checked, and the machines have neither errors nor lag.
const rules = { ...defaultGateRules, looks, guards: [] };

const words: Readonly<Partial<Record<MetricId, string>>> = {
  'app.cpuMsPerRequest': 'CPU per request',
  'read.qps': 'read QPS',
  'read.p95Ms': 'read P95',
  'write.p95Ms': 'write P95',
};

const cases = [
  { name: 'equal builds', effects: {} },
  ...rules.metrics.map(({ metric, tolerance }) => ({
    name: `${words[metric] ?? metric} ${tolerance * 100} % worse`,
    effects: { [metric]: tolerance },
  })),
  { name: 'all worse by their minimum effect', effects: all('minEffect') },
  { name: 'all worse by their tolerance', effects: all('tolerance') },
];

console.log(`Looks at ${looks.join(', ')} blocks, ${gates} simulated gates a line.\n`);
console.log('| machine | candidate | FAIL | PASS | INCONCLUSIVE | mean blocks |');
console.log('| --- | --- | ---: | ---: | ---: | ---: |');
for (const [name, machine] of Object.entries(machines)) {
  for (const each of cases) {
    const { verdicts, meanBlocks } = simulateGates(rules, machine, each.effects, { gates, seed: 1 });
    const percent = (count: number): string => `${((100 * count) / gates).toFixed(1)} %`;
    const { fail, pass, inconclusive } = verdicts;
    console.log(
      `| ${name} | ${each.name} | ${percent(fail)} | ${percent(pass)} | ${percent(inconclusive)} | ${meanBlocks.toFixed(1)} |`,
    );
  }
}

function all(margin: 'minEffect' | 'tolerance'): Readonly<Record<string, number>> {
  return Object.fromEntries(rules.metrics.map((gated) => [gated.metric, gated[margin]]));
}
