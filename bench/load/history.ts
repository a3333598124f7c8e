import type { History, LoadPlan } from '../model.ts';

export interface HistoryEntry {
  readonly session: number;
  /** Index in the plan's operations. */
  readonly operation: number;
  readonly entity: string;
  /** As the answer's header told it. */
  readonly version: string;
  readonly servedBy: string;
  /** On the clock's axis, milliseconds. */
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface HistoryRecorder {
  add(entry: HistoryEntry): void;
  /** Everything so far, times since `originMs`; undefined when no operation of the plan has a version. */
  result(originMs: number): History | undefined;
}

/** Keeps numbers alone: some forty bytes for each answer. */
export function createHistory(plan: LoadPlan): HistoryRecorder {
  const isWrite = plan.operations.map((operation) => operation.class === 'write');
  const entities = createIndex();
  const nodes = createIndex();
  const columns = {
    session: [] as number[],
    entity: [] as number[],
    write: [] as number[],
    version: [] as number[],
    node: [] as number[],
  };
  const started: number[] = [];
  const ended: number[] = [];
  let withoutVersion = 0;
  return {
    add(entry) {
      const version = /^(?:W\/)?"?(\d+)"?$/.exec(entry.version)?.[1];
      if (version === undefined) {
        withoutVersion += 1;
        return;
      }
      columns.session.push(entry.session);
      columns.entity.push(entities.of(entry.entity));
      columns.write.push(isWrite[entry.operation] === true ? 1 : 0);
      columns.version.push(Number(version));
      columns.node.push(nodes.of(entry.servedBy));
      started.push(entry.startedMs);
      ended.push(entry.endedMs);
    },
    result(originMs) {
      if (plan.operations.every(({ version }) => version === undefined)) return undefined;
      // Both ends are rounded on the same axis: what ended when another began must still have done so.
      const us = (ms: number): number => Math.round((ms - originMs) * 1000);
      return {
        ...columns,
        withoutVersion,
        entities: entities.names(),
        nodes: nodes.names(),
        sentUs: started.map(us),
        tookUs: ended.map((ms, index) => us(ms) - us(started[index] ?? ms)),
      };
    },
  };
}

/** Numbers for names, from 0. */
export function createIndex(): { of(name: string): number; names(): readonly string[] } {
  const known = new Map<string, number>();
  return {
    of(name) {
      const index = known.get(name) ?? known.size;
      known.set(name, index);
      return index;
    },
    names: () => [...known.keys()],
  };
}
