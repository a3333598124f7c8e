/** From values to pixels, with the values worth a label. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
  readonly low: number;
  readonly high: number;
}

export type Range = readonly [from: number, to: number];

/** From zero to a round value above all others. `about` ticks, at 1, 2, 2.5 or 5 times a power of ten. */
export function linearScale(values: readonly number[], [from, to]: Range, about = 4): Scale {
  const largest = Math.max(0, ...values.filter(Number.isFinite));
  const step = roundStep((largest === 0 ? 1 : largest) / about);
  const steps = Math.max(1, Math.ceil(largest / step - 1e-9));
  const high = steps * step;
  return {
    low: 0,
    high,
    at: (value) => from + (clamp(value, 0, high) / high) * (to - from),
    // Multiplied, not added up: 0.30000000000000004 is no label.
    ticks: Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12))),
  };
}

/**
 * Logarithmic, around all values that are above zero; anything lower is drawn at the bottom. `floor`: as low
 * as it goes, whatever the values.
 */
export function logScale(values: readonly number[], [from, to]: Range, floor = 0): Scale {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0);
  const smallest = Math.max(floor, positive.length === 0 ? 1 : Math.min(...positive));
  const largest = Math.max(smallest, ...positive);
  // A little room at both ends, and at least a factor of two between them.
  const spread = Math.max(largest / smallest, 2);
  const margin = spread ** 0.06;
  const middle = Math.sqrt(smallest * largest);
  const half = Math.sqrt(spread) * margin;
  const low = floor > 0 ? Math.max(floor, middle / half) : middle / half;
  const high = middle * half;
  const length = Math.log(high / low);
  return {
    low,
    high,
    at: (value) => from + (Math.log(clamp(value, low, high) / low) / length) * (to - from),
    ticks: logTicks(low, high, Math.abs(to - from)),
  };
}

/** Round values, as many as there is room for: 1 2 5 10, or 1 10 100. */
function logTicks(low: number, high: number, pixels: number): readonly number[] {
  const decades = Math.log10(high / low);
  const room = Math.max(2, pixels / 24);
  const choices = [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]];
  const chosen = choices.find((digits) => digits.length * decades <= room) ?? [1];
  const first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(decades) + 2 }, (_, index) => first + index);
  const stride = Math.max(1, Math.ceil(decades / room));
  return powers
    .filter((power) => power % stride === 0)
    .flatMap((power) => chosen.map((digit) => Number((digit * 10 ** power).toPrecision(3))))
    .filter((value) => value >= low * 0.999 && value <= high * 1.001);
}

function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  const step = [1, 2, 2.5, 5, 10].find((digit) => digit * power >= atLeast * (1 - 1e-9)) ?? 10;
  return step * power;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
