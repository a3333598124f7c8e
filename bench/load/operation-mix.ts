import { type LoadPlan, type Operation, type OperationClass, UsageError } from '../model.ts';
import { createKey, type DrawKey } from './keys.ts';
import { type Random, randomStream } from './random.ts';
import { compileRequest, type RequestTarget, type WireRequest } from './request-template.ts';

export interface DrawnRequest {
  /** Index in the plan's operations. */
  readonly operation: number;
  readonly request: WireRequest;
}

export type OperationMix = () => DrawnRequest;

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
  const keyRandom = randomStream(plan.seed, ...lane, 1);
  const scope = [plan.sliceIndex, ...lane].join('-');
  const keys: Record<string, DrawKey> = {};
  for (const [name, distribution] of Object.entries(plan.keys)) {
    keys[name] = createKey(distribution, keyRandom, scope);
  }
  const builders = plan.operations.map((operation) => compileRequest(operation, target, keys));
  return () => {
    const operation = chooseOperation();
    return { operation, request: (builders[operation] as () => WireRequest)() };
  };
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
