import { z } from 'zod';
import { faultKinds, metricIds, outcomeNames, routings, topologyNames } from '../model.ts';

/**
 * The shape of result.json, schemaVersion 1, as a check for whoever reads one. Additions keep the
 * version; anything that changes what a field means, or removes one, raises it.
 */
export const resultSchema = buildResultSchema();

/** JSON Schema (draft 2020-12) of result.json; `result.schema.json` beside this file is its text. */
export function resultJsonSchema(): object {
  return { title: 'Result of a replibench run', ...z.toJSONSchema(resultSchema) };
}

function buildResultSchema() {
  const number = z.number();
  const optionalNumber = number.nullable();
  const count = z.int().min(0);
  const text = z.string();
  const severity = z.enum(['info', 'warning', 'invalid']);
  const verdict = z.enum(['pass', 'fail', 'inconclusive']);
  const operationClass = z.enum(['read', 'write']);
  const sliceKind = z.enum(['calibration', 'warm-up', 'steady', 'read-saturation', 'write-saturation']);
  const limitMethod = z.enum(['cgroup-v1', 'cgroup-v2', 'systemd-scope', 'container', 'external', 'none']);
  const metricId = z.enum(metricIds);

  const finding = z.strictObject({ severity, id: text, message: text });
  const outcomes = z.strictObject(
    Object.fromEntries(outcomeNames.map((name) => [name, count])) as Record<
      (typeof outcomeNames)[number],
      typeof count
    >,
  );
  const latency = z.strictObject({
    count,
    p50Ms: optionalNumber,
    p95Ms: optionalNumber,
    p99Ms: optionalNumber,
    p999Ms: optionalNumber,
    maxMs: optionalNumber,
    meanMs: optionalNumber,
  });
  const latencies = { serviceTime: latency, responseTime: latency, scheduleLag: latency };
  const classResult = z.strictObject({ qps: number, outcomes, ...latencies });
  const key = z.union([
    z.strictObject({ kind: z.literal('uniform'), min: number, max: number }),
    z.strictObject({ kind: z.literal('zipf'), min: number, max: number, exponent: number }),
    z.strictObject({ kind: z.literal('choice'), values: z.array(z.union([text, number])) }),
    z.strictObject({ kind: z.literal('unique'), prefix: text }),
  ]);
  const objective = {
    metric: metricId,
    arm: text.exactOptional(),
    max: number.exactOptional(),
    min: number.exactOptional(),
  };
  const scenario = z.strictObject({
    name: text,
    description: text,
    readShare: number.min(0).max(1),
    operations: z.array(
      z.strictObject({
        name: text,
        class: operationClass,
        weight: number,
        method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
        path: text,
        headers: z.record(text, text).exactOptional(),
        body: z.json().exactOptional(),
        version: z.strictObject({ entity: text, key: text, header: text }).exactOptional(),
        steps: z
          .array(
            z.strictObject({
              operation: text,
              afterMs: number.exactOptional(),
              keys: z.record(text, text).exactOptional(),
            }),
          )
          .exactOptional(),
      }),
    ),
    keys: z.record(text, key),
    data: z.record(text, number),
    load: z.strictObject({
      arrivals: z.enum(['poisson', 'uniform']),
      steadyShare: number,
      saturationConnections: count,
      timeoutMs: number,
      profile: z.array(z.strictObject({ share: number, from: number, to: number })).exactOptional(),
    }),
    sessions: z.strictObject({ carry: text }).exactOptional(),
    faults: z
      .array(
        z.strictObject({
          kind: z.enum(faultKinds),
          node: text,
          link: z.enum(['app', 'wal']).exactOptional(),
          delayMs: number.exactOptional(),
          bytesPerSecond: number.exactOptional(),
          from: number,
          to: number.exactOptional(),
        }),
      )
      .exactOptional(),
    defaults: z.strictObject({ blocks: count, sliceSeconds: number }),
    objectives: z.array(z.strictObject(objective)),
  });
  const fingerprint = z.strictObject({
    cpuModel: text,
    cores: number,
    memoryBytes: number,
    kernel: text,
    platform: text,
    node: text,
    postgres: text,
    postgresSettings: z.record(text, text),
    gitCommit: text.nullable(),
    gitDirty: z.boolean().nullable(),
    harnessVersion: text,
    fsyncMs: optionalNumber,
  });
  const quantiles = z.strictObject({ p50: number, p95: number, p99: number, max: number }).nullable();
  const checked = z.strictObject({ checked: count, violations: count });
  const consistency = z.strictObject({
    reads: count,
    withoutVersion: count,
    stale: count,
    staleMs: quantiles,
    staleVersions: quantiles,
    ownWrites: checked,
    monotonic: checked,
    byNode: z.record(
      text,
      z.strictObject({ reads: count, stale: count, ownWriteViolations: count, monotonicViolations: count }),
    ),
    freshness: z.array(z.strictObject({ belowMs: optionalNumber, reads: count, fresh: count })),
  });
  const faultPhase = z.strictObject({
    requests: count,
    failed: count,
    rejected: count,
    p95Ms: optionalNumber,
  });
  const faultPhases = z.strictObject({
    before: faultPhase,
    first: faultPhase,
    during: faultPhase,
    after: faultPhase,
    settledMs: optionalNumber,
  });
  const faultWindow = z.strictObject({
    fault: text,
    nodes: z.array(text),
    fromMs: number,
    toMs: optionalNumber,
    read: faultPhases,
    write: faultPhases,
    readsAgainMs: optionalNumber,
  });
  const slice = z.strictObject({
    kind: sliceKind,
    block: count,
    durationMs: number,
    offeredRateHz: optionalNumber,
    achievedRateHz: number,
    outcomes,
    read: classResult,
    write: classResult,
    operations: z.array(z.strictObject({ name: text, class: operationClass, outcomes, ...latencies })),
    cpu: z.record(
      text,
      z.strictObject({
        percent: optionalNumber,
        cores: optionalNumber,
        p95Cores: optionalNumber,
        quotaCores: optionalNumber,
        throttledPercent: optionalNumber,
      }),
    ),
    memory: z.record(
      text,
      z.strictObject({ p50Bytes: number, maxBytes: number, limitBytes: optionalNumber }),
    ),
    lag: z.record(
      text,
      z.strictObject({
        samples: count,
        p50Ms: optionalNumber,
        p95Ms: optionalNumber,
        maxMs: optionalNumber,
        maxLowerMs: optionalNumber,
        maxBytes: optionalNumber,
        viewMaxMs: optionalNumber,
      }),
    ),
    app: z.strictObject({
      eventLoopDelayP99Ms: optionalNumber,
      gcPercent: optionalNumber,
      poolWaiting: optionalNumber,
      poolInUse: optionalNumber,
      cacheHitPercent: optionalNumber,
      cacheErrorPercent: optionalNumber,
      takenOver: z.nullable(
        z.strictObject({
          ...{ rateHz: optionalNumber, limitHz: number, most: optionalNumber, limit: number },
          rejectedHz: optionalNumber,
        }),
      ),
    }),
    host: z.strictObject({
      busyPercent: optionalNumber,
      foreignPercent: optionalNumber,
      stealPercent: optionalNumber,
    }),
    readsByNode: z.record(text, count),
    generator: z.strictObject({
      cpuMs: number,
      cpuPercent: number,
      eventLoopDelayP99Ms: number,
      eventLoopDelayMaxMs: number,
      gcMs: number,
      gcMaxMs: number,
      rssBytes: number,
    }),
    walBytes: optionalNumber,
    conflicts: optionalNumber,
    consistency: consistency.exactOptional(),
    faults: z.array(faultWindow).exactOptional(),
    findings: z.array(finding),
  });
  const bottleneck = z.strictObject({
    station: text,
    sentence: text,
    utilisation: z.array(z.strictObject({ station: text, percent: optionalNumber, note: text })),
  });
  const metric = z.strictObject({
    value: number,
    low: optionalNumber,
    high: optionalNumber,
    blocks: count,
    perBlock: z.array(z.strictObject({ block: count, value: number })),
  });
  const arm = z.strictObject({
    name: text,
    topology: z.enum(topologyNames),
    replicas: count,
    routing: z.enum(routings),
    settings: z.record(text, text).exactOptional(),
    build: z.strictObject({ ref: text, commit: text.nullable(), dirty: z.boolean() }).exactOptional(),
    nodes: z.array(text),
    slices: z.array(slice),
    metrics: z.partialRecord(metricId, metric),
    bottleneck: z.partialRecord(sliceKind, bottleneck),
  });
  const direction = z.enum(['higher-is-better', 'lower-is-better']);
  const objectiveResult = z.strictObject({ ...objective, value: optionalNumber, verdict, sentence: text });
  const gatedMetric = { metric: metricId, minEffect: number, tolerance: number };
  const gateRow = z.strictObject({
    ...gatedMetric,
    unit: text,
    direction,
    reference: optionalNumber,
    candidate: optionalNumber,
    blocks: count,
    effect: optionalNumber,
    low: optionalNumber,
    high: optionalNumber,
    confidence: optionalNumber,
    failP: optionalNumber,
    adjustedFailP: optionalNumber,
    passP: optionalNumber,
    verdict,
    sentence: text,
  });
  const gate = z.strictObject({
    rules: z.strictObject({
      metrics: z.array(z.strictObject(gatedMetric)),
      guards: z.array(z.strictObject(objective)),
      looks: z.array(count),
      alpha: number,
      history: z
        .strictObject({ confidence: number, logRatios: z.partialRecord(metricId, z.array(number)) })
        .exactOptional(),
      inconclusive: z.literal('pass').exactOptional(),
    }),
    looks: z.array(z.strictObject({ blocks: count, rows: z.array(gateRow) })),
    rows: z.array(gateRow),
    guards: z.array(objectiveResult),
    record: z
      .strictObject({ runs: count, falseAlarms: count, inconclusive: count, bound: number })
      .exactOptional(),
    verdict: z.enum(['pass', 'fail', 'inconclusive', 'invalid']),
    sentence: text,
  });
  const comparison = z.strictObject({
    metric: metricId,
    unit: text,
    baseline: optionalNumber,
    candidate: optionalNumber,
    ratio: optionalNumber,
    ciLow: optionalNumber,
    ciHigh: optionalNumber,
    confidence: optionalNumber,
    blocks: count,
    direction,
    verdict,
  });
  return z.strictObject({
    schemaVersion: z.literal(1),
    runId: text,
    startedAt: text,
    command: text,
    scenario,
    seed: number,
    application: text,
    fingerprint,
    nodeCpus: optionalNumber,
    limitMethod,
    interleaved: z.boolean(),
    completion: z.strictObject({
      outcome: z.enum(['completed', 'interrupted', 'failed', 'cut-off']),
      reason: text.nullable(),
      plannedBlocks: count,
      finishedBlocks: count,
    }),
    calibration: z
      .strictObject({ capacityHz: number, steadyRateHz: number, fromRun: text.exactOptional() })
      .nullable(),
    validity: z.strictObject({ ok: z.boolean(), findings: z.array(finding) }),
    arms: z.array(arm),
    comparison: z.array(comparison),
    further: z.array(z.strictObject({ arm: text, comparison: z.array(comparison) })).exactOptional(),
    objectives: z.array(objectiveResult),
    gate: gate.exactOptional(),
    steps: z.array(z.strictObject({ name: text, durationMs: number })),
    verdict,
    exitCode: z.int(),
  });
}
