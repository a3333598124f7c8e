import type { GateRow, ObjectiveResult } from '../../model.ts';
import { gateOutcome } from '../gate/outcome.ts';
import { describeArms, type GateRun } from '../gate/words.ts';

/** What was measured, as names and values: which run it is, then every number of every row, unrounded. */
export function junitProperties(result: GateRun): readonly (readonly [name: string, value: string])[] {
  const { gate, fingerprint } = result;
  return [
    ['run', result.runId],
    ['command', result.command],
    ['seed', String(result.seed)],
    ['arms', describeArms(result)],
    ['verdict', gateOutcome(result).word],
    ['exitCode', String(result.exitCode)],
    ['blocks', String(result.completion.finishedBlocks)],
    ['cpu', `${fingerprint.cpuModel}, ${fingerprint.cores} cores`],
    ...gate.rows.flatMap((row) => rowProperties(row)),
    ...gate.guards.flatMap((guard) => guardProperties(guard)),
  ];
}

const rowNumbers = [
  'reference',
  'candidate',
  'effect',
  'low',
  'high',
  'confidence',
  'blocks',
  'minEffect',
  'tolerance',
  'failP',
  'adjustedFailP',
  'passP',
] as const satisfies readonly (keyof GateRow)[];

/** `read.qps.effect`: as in result.json, unrounded; what was not measured is absent. */
function rowProperties(row: GateRow): readonly (readonly [string, string])[] {
  return rowNumbers.flatMap((key) => {
    const value = row[key];
    return value === null ? [] : [[`${row.metric}.${key}`, String(value)] as const];
  });
}

function guardProperties({
  metric,
  value,
  min,
  max,
}: ObjectiveResult): readonly (readonly [string, string])[] {
  return Object.entries({ value, min, max }).flatMap(([key, number]) =>
    number === null || number === undefined ? [] : [[`guard.${metric}.${key}`, String(number)] as const],
  );
}
