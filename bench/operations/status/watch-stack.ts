import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeAddress, Reading } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import { createLagProbe } from '../../probes/lag.ts';
import type { Probe } from '../../probes/probe.ts';
import { findStack, type Stack, type StackOptions } from '../../topology/compose/stack.ts';
import { answers, type ClusterView } from '../observe/observation.ts';
import { observeStack } from '../observe/observe-stack.ts';
import { type Status, statusOf } from './status.ts';

/** Samples of the lag probe for one status: the first only learns where the primary is. */
const samples = 3;
const everyMs = 250;

export interface WatchOptions extends StackOptions {
  /** Time between two looks, milliseconds; null = one look. */
  readonly everyMs: number | null;
  readonly signal: AbortSignal;
}

/**
 * The status of a compose stack, once or again and again. One lag probe goes on over all looks, as long as
 * the nodes keep their roles: it remembers where the primary was, and so how long a replica stands still.
 * Throws EnvironmentError when there is no stack, the signal's reason when aborted.
 */
export async function* watchStack(options: WatchOptions): AsyncGenerator<Status> {
  let followed = { key: '', probe: null as Probe | null };
  let stack: Stack | undefined;
  try {
    for (;;) {
      const startedMs = monotonicMs();
      stack = await findStack({ ...options, previous: stack });
      const view = await observeStack(stack);
      const { primary, replicas, key } = measurable(view);
      if (key !== followed.key) {
        await followed.probe?.[Symbol.asyncDispose]();
        followed = {
          key,
          probe: primary === undefined ? null : createLagProbe({ primary, replicas, everyMs }),
        };
      }
      const lag = await lastReadings(followed.probe, options.signal);
      yield statusOf(view, lag, new Date());
      if (options.everyMs === null) return;
      const leftMs = options.everyMs - (monotonicMs() - startedMs);
      await sleep(Math.max(0, leftMs), undefined, { signal: options.signal });
    }
  } finally {
    await followed.probe?.[Symbol.asyncDispose]();
  }
}

interface Measurable {
  readonly primary: NodeAddress | undefined;
  readonly replicas: readonly NodeAddress[];
  /** Changes with who is primary and who is not. */
  readonly key: string;
}

function measurable(view: ClusterView): Measurable {
  const nodes = view.nodes.filter(answers);
  const primary = nodes.find(({ name }) => name === view.primary)?.address;
  const replicas = nodes.filter(({ server }) => server.role === 'replica').map(({ address }) => address);
  const key = [primary, ...replicas].map((address) => `${address?.name}:${address?.port}`).join(' ');
  return { primary, replicas, key };
}

async function lastReadings(probe: Probe | null, signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
  const readings = new Map<string, Reading>();
  if (probe === null) return readings;
  for (let sample = 1; sample <= samples; sample += 1) {
    // A node that does not answer has no reading; its row says why.
    for (const reading of await probe.sample(() => undefined)) readings.set(reading.subject, reading);
    if (sample < samples) await sleep(everyMs, undefined, { signal });
  }
  return readings;
}
