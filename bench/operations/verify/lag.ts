/** Test 2: how far every replica is behind, in bytes and in milliseconds of our own clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeAddress, Reading } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import { createLagProbe } from '../../probes/lag.ts';
import { bytes, ms } from '../quantities.ts';
import { advise, type CheckResult, failed, noPrimary, ok, type VerifyContext } from './check.ts';

/** Above either of these the seed calls the lag high. */
export const highLag = { bytes: 1024 * 1024, ms: 5_000 } as const;

const everyMs = 250;
/** Looks at a replica that is well; one that is not is watched until its lag can be called high. */
const enoughReadings = 4;
/** A replica without any reading until then does not answer; waiting longer would not change that. */
const silentMs = 3_500;
/** Longer than the probe's own: a login alone can take seconds on a busy machine. */
const answerMs = 3_000;
const longestMs = highLag.ms + 1_000;

export async function checkLag({ target, signal }: VerifyContext): Promise<CheckResult> {
  const { primary } = target;
  if (primary === null) return noPrimary('lag', target);
  const replicas = target.replicas.flatMap(({ address }) => (address === null ? [] : [address]));
  const readings = await watchLag(primary, replicas, signal);
  const sentences = target.replicas.map(({ name }) => judgeLag(name, readings.get(name) ?? []));
  const evidence = sentences.map(({ sentence }) => sentence).join(' · ');
  if (sentences.every(({ fine }) => fine)) return ok('lag', evidence);
  return failed('lag', evidence, advise(target, 'see what holds the replica back'));
}

/** Readings of the lag probe by replica: a second's worth, or until a late replica is late beyond doubt. */
export async function watchLag(
  primary: NodeAddress,
  replicas: readonly NodeAddress[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Reading[]>> {
  await using probe = createLagProbe({ primary, replicas, everyMs, timeoutMs: answerMs });
  const readings = new Map<string, Reading[]>(replicas.map(({ name }) => [name, []]));
  const begunMs = monotonicMs();
  const isDone = (list: readonly Reading[]) =>
    (list.length >= enoughReadings && isCaughtUp(list.at(-1))) ||
    (list.length === 0 && monotonicMs() > begunMs + silentMs);
  // Whoever does not answer has no reading, and is judged by that.
  const ignored = () => undefined;
  while (monotonicMs() < begunMs + longestMs) {
    const sampledMs = monotonicMs();
    for (const reading of await probe.sample(ignored)) readings.get(reading.subject)?.push(reading);
    if ([...readings.values()].every(isDone)) break;
    await sleep(Math.max(0, everyMs - (monotonicMs() - sampledMs)), undefined, { signal });
  }
  return readings;
}

function isCaughtUp(reading: Reading | undefined): boolean {
  const { lagMs, lagBytes } = reading?.values ?? {};
  return lagMs !== undefined && lagMs <= highLag.ms && lagBytes !== undefined && lagBytes <= highLag.bytes;
}

/** A replica is fine when its last reading is: catching up counts, having been behind does not. */
export function judgeLag(
  name: string,
  readings: readonly Reading[],
): { readonly fine: boolean; readonly sentence: string } {
  const last = readings.at(-1);
  if (last === undefined) return { fine: false, sentence: `${name} cannot be measured` };
  const { lagMs, lagLowerMs = 0, lagBytes } = last.values;
  const behind = lagBytes === undefined ? 'an unknown distance' : bytes(lagBytes);
  // Behind everything that was seen of the primary: it is only known how long at least.
  if (lagMs === undefined)
    return { fine: false, sentence: `${name} ${behind}, more than ${ms(lagLowerMs)} behind` };
  return { fine: isCaughtUp(last), sentence: `${name} ${behind}, ${ms(lagMs)} behind` };
}
