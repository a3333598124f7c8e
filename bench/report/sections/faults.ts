import { known, median } from '../../analysis/median.ts';
import type {
  ArmResult,
  FaultPhase,
  FaultPhases,
  FaultWindow,
  OperationClass,
  RunResult,
} from '../../model.ts';
import { formatCount, formatNumber, missing } from '../numbers.ts';
import { right, type Section, section, table } from '../section.ts';

/** What was broken, and what requests met before, during and after it. */
export function faultSection(result: RunResult): Section | null {
  const rows = result.arms.flatMap((arm) => faultsOf(arm));
  if (rows.length === 0) return null;
  const blocks = Math.max(...rows.map(({ windows }) => windows.length));
  const [first] = rows;
  return section('faults', 'Faults', [
    first === undefined || areSeveral(rows) ? '' : `${describe(first)}.`,
    classTable('read', rows),
    classTable('write', rows),
    `Faults are made on purpose, in every steady slice; ${blocks === 1 ? 'one block' : `medians of ${blocks} blocks, in brackets from the least to the most`}. Requests belong to the time at which they were due: before the fault; in its first two seconds; “during” in the rest of it; after its end. P95 counts a failed request as one that is never answered, so that it is “endless” when more than 5 % failed, and leaves out those that were told to come again (503 with Retry-After). “Failed” and “come again” are of all blocks, from the beginning of the fault on. “Settled after” is the time from its beginning from which on the P95 of all that was due until its end is at most 1.2 times that of before; “back after” the time from its end until the node answered a read.`,
  ]);
}

/** The reads of each arm around each fault, for a reader with little room; [] when nothing was broken. */
export function faultOverview(result: RunResult): readonly (readonly string[])[] {
  const rows = result.arms.flatMap((arm) => faultsOf(arm));
  if (rows.length === 0) return [];
  const several = areSeveral(rows);
  return [
    ['reads', 'due', 'failed', 'come again', 'P95 before', 'first 2 s', 'during', 'after', 'settled after'],
    ...rows.map(({ arm, windows }) => {
      const [{ fault, nodes }] = windows;
      const phases = windows.map(({ read }) => read);
      const { requests, failed, rejected } = sinceBegun(phases);
      return [
        several ? `${arm}: ${fault} on ${nodes.join(', ')}` : arm,
        ...[requests, failed, rejected].map(formatCount),
        ...(['before', 'first', 'during', 'after'] as const).map((name) =>
          withUnit(latency(phases, name), 'ms'),
        ),
        withUnit(settled(phases).replace(/ \[.*/, ''), 's'),
      ];
    }),
  ];
}

/** What was broken and what it cost each arm, in a sentence for each fault; [] when nothing was broken. */
export function faultSentences(result: RunResult): readonly string[] {
  const rows = result.arms.flatMap((arm) => faultsOf(arm));
  const name = ({ windows: [{ fault, nodes }] }: FaultRows): string => `${fault} on ${nodes.join(', ')}`;
  return [...new Set(rows.map(name))].map((fault) => {
    const own = rows.filter((row) => name(row) === fault);
    const [first] = own;
    const from = seconds(first?.windows.map(({ fromMs }) => fromMs) ?? []);
    const to = seconds(first?.windows.map(({ toMs }) => toMs) ?? [], 'the end');
    const told = own.map(({ arm, windows }) => {
      const { requests, failed, rejected } = sinceBegun(windows.map(({ read }) => read));
      const shed = rejected === 0 ? '' : ` and ${formatCount(rejected)} were told to come again`;
      return `of ${arm} ${failed === 0 ? 'none' : formatCount(failed)} of ${formatCount(requests)} reads failed${shed}`;
    });
    return `With ${fault} from second ${from} to ${to} of each steady slice, ${told.join('; ')}.`;
  });
}

function withUnit(value: string, unit: string): string {
  return /^\d/.test(value) ? `${value} ${unit}` : value;
}

/** What was due from the beginning of the fault on, all blocks together. */
function sinceBegun(phases: readonly FaultPhases[]): Omit<FaultPhase, 'p95Ms'> {
  const broken = phases.flatMap(({ first, during, after }) => [first, during, after]);
  const sum = (pick: (phase: FaultPhase) => number): number =>
    broken.reduce((total, phase) => total + pick(phase), 0);
  return {
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    rejected: sum(({ rejected }) => rejected),
  };
}

interface FaultRows {
  readonly arm: string;
  /** The same fault, in each block. */
  readonly windows: readonly [FaultWindow, ...FaultWindow[]];
}

function faultsOf(arm: ArmResult): readonly FaultRows[] {
  const slices = arm.slices.map(({ faults = [] }) => faults);
  const most = Math.max(0, ...slices.map((faults) => faults.length));
  return Array.from({ length: most }, (_, index) => index).flatMap((index) => {
    const [first, ...more] = slices.flatMap((faults) => faults[index] ?? []);
    return first === undefined ? [] : [{ arm: arm.name, windows: [first, ...more] as const }];
  });
}

function classTable(name: OperationClass, rows: readonly FaultRows[]) {
  const isRead = name === 'read';
  // One fault for all is told above the table: a column of equal words would push figures off the page.
  const several = areSeveral(rows);
  return table(
    [
      ...['arm', ...(several ? ['fault'] : [])],
      ...[right(`${name}s`), right('failed'), right('come again')],
      ...[right('P95 before (ms)'), right('first 2 s'), right('during'), right('÷ before'), right('after')],
      right('settled after (s)'),
      ...(isRead ? [right('back after (s)')] : []),
    ],
    rows.map((row) => {
      const { arm, windows } = row;
      const phases = windows.map((window) => window[name]);
      const { requests, failed, rejected } = sinceBegun(phases);
      const back = spread(
        // Of a fault that was never mended there is nothing to say; one after which the node was not used again counts.
        windows.map(({ toMs, readsAgainMs }) =>
          toMs === null ? null : (readsAgainMs ?? Number.POSITIVE_INFINITY),
        ),
        inSeconds,
      );
      return [
        ...[arm, ...(several ? [describe(row)] : [])],
        ...[requests, failed, rejected].map(formatCount),
        ...(['before', 'first', 'during'] as const).map((phase) => latency(phases, phase)),
        spread(phases.map(ratio), formatNumber),
        ...[latency(phases, 'after'), settled(phases)],
        ...(isRead ? [back] : []),
      ];
    }),
  );
}

/** `kill on replica1, from 9.00 to 18.0 s` */
function describe({ windows }: FaultRows): string {
  const [{ fault, nodes }] = windows;
  const from = seconds(windows.map(({ fromMs }) => fromMs));
  const to = windows.every(({ toMs }) => toMs === null)
    ? 'the end'
    : `${seconds(windows.map(({ toMs }) => toMs))} s`;
  return `${fault} on ${nodes.join(', ')}, from ${from} to ${to}`;
}

function areSeveral(rows: readonly FaultRows[]): boolean {
  return new Set(rows.map(({ windows: [{ fault, nodes }] }) => `${fault} ${nodes.join()}`)).size > 1;
}

function latency(phases: readonly FaultPhases[], name: 'before' | 'first' | 'during' | 'after'): string {
  const own = phases.map((phase) => phase[name]).filter(({ requests, rejected }) => requests > rejected);
  if (own.length === 0) return missing;
  const value = median(own.map(({ p95Ms }) => p95Ms ?? Number.POSITIVE_INFINITY));
  return value === null || !Number.isFinite(value) ? 'endless' : formatNumber(value);
}

function ratio({ before, during }: FaultPhases): number | null {
  if (before.p95Ms === null || during.requests === during.rejected) return null;
  return (during.p95Ms ?? Number.POSITIVE_INFINITY) / before.p95Ms;
}

function settled(phases: readonly FaultPhases[]): string {
  const comparable = phases.filter(({ before }) => before.p95Ms !== null);
  if (comparable.length === 0) return missing;
  return spread(
    comparable.map(({ settledMs }) => settledMs ?? Number.POSITIVE_INFINITY),
    (value) => (Number.isFinite(value) ? inSeconds(value) : 'never'),
  );
}

/** `1.1 [0.9 to 1.3]` */
function spread(values: readonly (number | null)[], format: (value: number) => string): string {
  const all = known(values);
  const middle = median(all);
  if (middle === null) return missing;
  const show = (value: number): string => (value === Number.POSITIVE_INFINITY ? 'never' : format(value));
  if (all.length === 1) return show(middle);
  return `${show(middle)} [${show(Math.min(...all))} to ${show(Math.max(...all))}]`;
}

function seconds(values: readonly (number | null)[], none = missing): string {
  const value = median(known(values));
  return value === null ? none : inSeconds(value);
}

function inSeconds(ms: number): string {
  return formatNumber(ms / 1_000);
}
