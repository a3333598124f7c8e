import type { LoadPlan, LoadStream, Operation, RateSegment, Scenario, SliceKind } from '../model.ts';
import { deriveSeed } from './random.ts';

export interface SliceRequest {
  readonly kind: SliceKind;
  readonly scenario: Scenario;
  readonly baseUrl: string;
  readonly seconds: number;
  /** Total offered rate of the steady slice; the fixed rates of the saturation slices derive from it. */
  readonly steadyRateHz: number;
  readonly runSeed: number;
  readonly block: number;
  /** Position in the run; keeps `unique` keys of different slices apart. */
  readonly sliceIndex: number;
  /** Counted from 1, of a slice that is measured in parts: each part has other requests. */
  readonly part?: number;
  /** Of a warm-up, which is at full speed otherwise. */
  readonly pace?: 'steady';
}

export const measuredSlices = ['steady', 'read-saturation', 'write-saturation'] as const;

/** What can be saturated is what the scenario has. */
export function slicesOf({
  readShare,
}: Pick<Scenario, 'readShare'>): readonly (typeof measuredSlices)[number][] {
  return measuredSlices.filter(
    (kind) => (kind !== 'read-saturation' || readShare > 0) && (kind !== 'write-saturation' || readShare < 1),
  );
}

/**
 * Turns "which slice" into what the generator does. The seed depends on block and kind but not on
 * the arm: both arms of a block get the same due times and the same requests.
 */
export function planSlice(request: SliceRequest): LoadPlan {
  const { kind, scenario } = request;
  return {
    baseUrl: request.baseUrl,
    seed: deriveSeed(
      request.runSeed,
      request.block,
      sliceNumber[kind],
      ...(request.part === undefined ? [] : [request.part]),
    ),
    sliceIndex: request.sliceIndex,
    // The warm-up mixes the classes evenly, so that the pools of both fill up before they are needed.
    readShare:
      kind === 'warm-up' && request.pace === undefined ? evenShare(scenario.readShare) : scenario.readShare,
    operations: kind === 'steady' ? scenario.operations : scenario.operations.map(withoutVersion),
    keys: scenario.keys,
    streams: streams(request),
    ...(scenario.sessions === undefined ? {} : { carry: scenario.sessions.carry }),
    ...(kind === 'steady' && scenario.faults !== undefined ? { trace: true } : {}),
    timeoutMs: scenario.load.timeoutMs,
    drainMs: scenario.load.timeoutMs,
  };
}

/** Only the steady slices are judged by what they saw; elsewhere keeping account of it would cost what is measured. */
function withoutVersion({ version: _, ...operation }: Operation): Operation {
  return operation;
}

/** Rate asked for by the open streams of a slice; null when there are none. */
export function offeredRateHz(plan: LoadPlan): number | null {
  const open = plan.streams.filter((stream) => stream.kind === 'open');
  if (open.length === 0) return null;
  return open.reduce(
    (sum, stream) => sum + meanRateHz(stream.segments) * requestsPerSession(plan, stream.classes),
    0,
  );
}

/** Scheduled requests bring the steps that follow them: their mean number, the first one included. */
function requestsPerSession(
  { operations, readShare }: Pick<LoadPlan, 'operations' | 'readShare'>,
  classes: LoadStream['classes'],
): number {
  const shares = classes.map((name) => {
    const own = operations.filter((operation) => operation.class === name);
    const total = own.reduce((sum, { weight }) => sum + weight, 0);
    const steps = own.reduce((sum, { weight, steps: after = [] }) => sum + weight * after.length, 0);
    const share = classes.length === 1 ? 1 : name === 'read' ? readShare : 1 - readShare;
    return total === 0 ? 0 : (share * steps) / total;
  });
  return 1 + shares.reduce((sum, share) => sum + share, 0);
}

/** Half and half, unless the scenario has one class alone. */
function evenShare(readShare: number): number {
  return readShare === 0 || readShare === 1 ? readShare : 0.5;
}

const sliceNumber: Readonly<Record<SliceKind, number>> = {
  calibration: 1,
  'warm-up': 2,
  steady: 3,
  'read-saturation': 4,
  'write-saturation': 5,
};

function streams(request: SliceRequest): readonly LoadStream[] {
  const { kind, scenario, steadyRateHz } = request;
  const sessions = steadyRateHz / requestsPerSession(scenario, ['read', 'write']);
  const reads = sessions * scenario.readShare;
  const writes = sessions * (1 - scenario.readShare);
  switch (kind) {
    case 'warm-up':
      if (request.pace === 'steady') return [open(request, ['read', 'write'], profile(request))];
      return [closed(request, ['read', 'write'])];
    case 'calibration':
      return [closed(request, ['read', 'write'])];
    case 'steady':
      return [open(request, ['read', 'write'], profile(request))];
    case 'read-saturation':
      return [closed(request, ['read']), ...fixed(request, 'write', writes)];
    case 'write-saturation':
      return [closed(request, ['write']), ...fixed(request, 'read', reads)];
  }
}

function closed(request: SliceRequest, classes: LoadStream['classes']): LoadStream {
  return {
    kind: 'closed',
    classes,
    connections: request.scenario.load.saturationConnections,
    durationMs: request.seconds * 1000,
  };
}

/** `rateHz`: of the sessions that begin with a request of that class, as in the steady slice. */
function fixed(request: SliceRequest, name: 'read' | 'write', rateHz: number): readonly LoadStream[] {
  if (rateHz === 0) return [];
  return [open(request, [name], [{ durationMs: request.seconds * 1000, fromHz: rateHz, toHz: rateHz }])];
}

function open(
  request: SliceRequest,
  classes: LoadStream['classes'],
  segments: readonly RateSegment[],
): LoadStream {
  // The limit stands in for the file descriptors of a real client; requests beyond it wait with
  // their due time and are not lost.
  return { kind: 'open', classes, arrivals: request.scenario.load.arrivals, segments, maxInFlight: 256 };
}

function profile(request: SliceRequest): readonly RateSegment[] {
  const steps = request.scenario.load.profile ?? [{ share: 1, from: 1, to: 1 }];
  const rateHz = request.steadyRateHz / requestsPerSession(request.scenario, ['read', 'write']);
  return steps.map((step) => ({
    durationMs: request.seconds * 1000 * step.share,
    fromHz: rateHz * step.from,
    toHz: rateHz * step.to,
  }));
}

function meanRateHz(segments: readonly RateSegment[]): number {
  const total = segments.reduce((sum, segment) => sum + segment.durationMs, 0);
  const requests = segments.reduce((sum, s) => sum + (s.durationMs * (s.fromHz + s.toHz)) / 2, 0);
  return requests / total;
}
