import { type LoadPlan, type LoadStream, UsageError } from '../model.ts';

/**
 * Refuses a plan that cannot be run as written, instead of running something else.
 * @throws UsageError naming the field and its value.
 */
export function checkPlan(plan: LoadPlan): void {
  if (!URL.canParse(plan.baseUrl)) throw new UsageError(`load: "${plan.baseUrl}" is not a URL`);
  const { protocol } = new URL(plan.baseUrl);
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new UsageError(`load: "${plan.baseUrl}" is neither an http nor an https URL`);
  }
  demand('seed', plan.seed, Number.isSafeInteger(plan.seed));
  demand('readShare', plan.readShare, plan.readShare >= 0 && plan.readShare <= 1);
  demand('timeoutMs', plan.timeoutMs, positive(plan.timeoutMs));
  demand('drainMs', plan.drainMs, plan.drainMs >= 0 && Number.isFinite(plan.drainMs));
  demand('streams', plan.streams.length, plan.streams.length > 0);
  plan.streams.forEach((stream, index) => {
    checkStream(stream, `streams[${index}]`);
  });
}

function checkStream(stream: LoadStream, at: string): void {
  demand(`${at}.classes`, stream.classes.length, stream.classes.length > 0);
  if (stream.kind === 'closed') {
    demand(`${at}.connections`, stream.connections, positiveInteger(stream.connections));
    demand(`${at}.durationMs`, stream.durationMs, positive(stream.durationMs));
    return;
  }
  demand(`${at}.maxInFlight`, stream.maxInFlight, positiveInteger(stream.maxInFlight));
  demand(`${at}.segments`, stream.segments.length, stream.segments.length > 0);
  stream.segments.forEach(({ durationMs, fromHz, toHz }, index) => {
    demand(`${at}.segments[${index}].durationMs`, durationMs, positive(durationMs));
    demand(`${at}.segments[${index}].fromHz`, fromHz, fromHz >= 0 && Number.isFinite(fromHz));
    demand(`${at}.segments[${index}].toHz`, toHz, toHz >= 0 && Number.isFinite(toHz));
  });
}

function demand(field: string, value: number, holds: boolean): void {
  if (!holds) throw new UsageError(`load: ${field} cannot be ${value}`);
}

function positive(value: number): boolean {
  return value > 0 && Number.isFinite(value);
}

function positiveInteger(value: number): boolean {
  return value > 0 && Number.isSafeInteger(value);
}
