import { type LoadPlan, type Operation, type OperationClass, UsageError } from '../model.ts';
import { createKey, type DrawKey } from './keys.ts';
import { type Random, randomStream } from './random.ts';
import { compileRequest, type RequestTarget, type WireRequest } from './request-template.ts';

/** Drawn keys by name. */
export type Values = ReadonlyMap<string, string | number>;

export interface DrawnRequest {
  /** Index in the plan's operations. */
  readonly operation: number;
  readonly request: WireRequest;
  /** What its version is one of, `user 17`; '' for an operation without versions. */
  readonly entity: string;
  /** Kept for operations with steps alone; empty otherwise. */
  readonly values: Values;
}

export interface OperationMix {
  draw(): DrawnRequest;
  /** A request of this operation with these values; keys that are not among them are drawn. */
  step(operation: number, values: Values): DrawnRequest;
}

/**
 * The endless seeded sequence of requests of one lane. It depends on the plan and the lane alone, never
 * on answers or on time, so both arms get the same requests in the same order.
 * @param lane an open stream, or one connection of a closed stream; no two share a lane.
 * @throws UsageError when a class has no operation, or a template cannot be filled.
 */
export function createOperationMix(
  plan: LoadPlan,
  classes: readonly OperationClass[],
  target: RequestTarget,
  lane: readonly number[],
): OperationMix {
  const chooseOperation = createChoice(plan, classes, randomStream(plan.seed, ...lane, 0));
  const scope = [plan.sliceIndex, ...lane].join('-');
  const keysOf = (random: Random, uniqueScope: string): Record<string, DrawKey> =>
    Object.fromEntries(
      Object.entries(plan.keys).map(([name, distribution]) => [
        name,
        createKey(distribution, random, uniqueScope),
      ]),
    );
  const keys = keysOf(randomStream(plan.seed, ...lane, 1), scope);
  const drawn = new Map<string, string | number>();
  const noted = mapKeys(keys, (name, draw) => () => {
    const value = draw();
    drawn.set(name, value);
    return value;
  });
  const isNoted = plan.operations.map(({ version, steps }) => version !== undefined || steps !== undefined);
  const builders = plan.operations.map((operation, index) =>
    compileRequest(operation, target, isNoted[index] ? noted : keys),
  );

  // Steps depend on when answers come: they draw from a stream of their own, so that the schedule's requests do not.
  let given: Values = none;
  const stepKeys = mapKeys(keysOf(randomStream(plan.seed, ...lane, 3), `${scope}-s`), (name, draw) => () => {
    const value = given.get(name) ?? draw();
    drawn.set(name, value);
    return value;
  });
  const stepBuilders = plan.operations.map((operation) => compileRequest(operation, target, stepKeys));

  const entityOf = (operation: number): string => {
    const version = plan.operations[operation]?.version;
    return version === undefined ? '' : `${version.entity} ${drawn.get(version.key)}`;
  };
  return {
    draw() {
      const operation = chooseOperation();
      drawn.clear();
      const request = (builders[operation] as () => WireRequest)();
      const hasSteps = plan.operations[operation]?.steps !== undefined;
      return { operation, request, entity: entityOf(operation), values: hasSteps ? new Map(drawn) : none };
    },
    step(operation, values) {
      given = values;
      drawn.clear();
      const request = (stepBuilders[operation] as () => WireRequest)();
      return { operation, request, entity: entityOf(operation), values: none };
    },
  };
}

const none: Values = new Map();

function mapKeys(
  keys: Readonly<Record<string, DrawKey>>,
  change: (name: string, draw: DrawKey) => DrawKey,
): Record<string, DrawKey> {
  return Object.fromEntries(Object.entries(keys).map(([name, draw]) => [name, change(name, draw)]));
}

/** Chooses a class by the plan's share of reads, then an operation of the class by weight. */
function createChoice(plan: LoadPlan, classes: readonly OperationClass[], random: Random): () => number {
  const operations = plan.operations.map((operation, index) => ({ operation, index }));
  const cumulative: number[] = [];
  const indexes: number[] = [];
  let total = 0;
  for (const each of classes) {
    const ofClass = operations.filter(({ operation }) => operation.class === each && operation.weight > 0);
    const share = classes.length === 1 ? 1 : each === 'read' ? plan.readShare : 1 - plan.readShare;
    const weight = sumWeights(ofClass.map(({ operation }) => operation));
    if (share > 0 && ofClass.length === 0) {
      throw new UsageError(`a stream asks for ${each}s, but the plan has no ${each} operation of weight > 0`);
    }
    for (const { operation, index } of ofClass) {
      total += (share * operation.weight) / weight;
      cumulative.push(total);
      indexes.push(index);
    }
  }
  return () => {
    const drawn = random() * total;
    let at = 0;
    while (at < cumulative.length - 1 && drawn >= (cumulative[at] as number)) at += 1;
    return indexes[at] as number;
  };
}

function sumWeights(operations: readonly Operation[]): number {
  return operations.reduce((sum, operation) => sum + operation.weight, 0);
}
