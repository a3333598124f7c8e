/** Sum of a metric's samples over all its labels, by the metric's full name (`..._sum`, `..._count`). */
export type PrometheusSamples = ReadonlyMap<string, number>;

/** Reads Prometheus' text format; lines that are no sample are passed over. */
export function parsePrometheus(text: string): PrometheusSamples {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = sample.exec(line);
    if (match === null) continue;
    const [, name = '', value = ''] = match;
    samples.set(name, (samples.get(name) ?? 0) + toNumber(value));
  }
  return samples;
}

// name, labels (whose quoted values may hold anything, escaped quotes and braces too), value, perhaps a timestamp.
const sample = /^([a-zA-Z_:][\w:]*)\s*(?:\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;

function toNumber(value: string): number {
  if (value === '+Inf' || value === 'Inf') return Number.POSITIVE_INFINITY;
  return value === '-Inf' ? Number.NEGATIVE_INFINITY : Number(value);
}
