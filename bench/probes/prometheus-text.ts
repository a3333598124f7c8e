export interface PrometheusSample {
  /** Full name: `..._sum`, `..._bucket` and so on. */
  readonly name: string;
  /** As on the page, without the braces: `pool="read",state="waiting"`. */
  readonly labels: string;
  readonly value: number;
}

/** Reads Prometheus' text format; lines that are no sample are passed over. */
export function parsePrometheus(text: string): readonly PrometheusSample[] {
  const samples: PrometheusSample[] = [];
  for (const line of text.split('\n')) {
    const match = sample.exec(line);
    if (match === null) continue;
    const [, name = '', labels = '', value = ''] = match;
    samples.push({ name, labels, value: toNumber(value) });
  }
  return samples;
}

// name, labels (whose quoted values may hold anything, escaped quotes and braces too), value, perhaps a time
const sample = /^([a-zA-Z_:][\w:]*)\s*(?:\{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/;

function toNumber(value: string): number {
  if (value === '+Inf' || value === 'Inf') return Number.POSITIVE_INFINITY;
  return value === '-Inf' ? Number.NEGATIVE_INFINITY : Number(value);
}
