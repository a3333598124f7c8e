/** What stands where a value was not measured. */
export const missing = '–';

/** The sign, as wide as a plus. */
export const minus = '\u2212';

/** Three significant digits, thousands apart: 12,000, 5.01, 0.0423. */
export function formatNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return missing;
  if (value === 0) return '0';
  // Rounded first: 9.996 has as many decimals as 10.0, not as 9.99.
  const rounded = Number(value.toPrecision(3));
  const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
  return groupThousands(rounded.toFixed(Math.min(6, Math.max(0, 2 - magnitude))));
}

/** A round number as a label of an axis: 20, 1,000, 0.05. */
export function formatTick(value: number): string {
  return groupThousands(String(Number(value.toPrecision(3))));
}

/** A whole number, exact, thousands apart. */
export function formatCount(value: number | null): string {
  return value === null ? missing : groupThousands(Math.round(value).toFixed(0));
}

/** A ratio as a signed change: 2.39 is `+139 %`, 0.53 is `−47 %`, 1.034 is `+3.4 %`. */
export function formatChange(ratio: number | null): string {
  return ratio === null ? missing : `${signedPercent(ratio)} %`;
}

/** `[+131 to +147]`, in percent like {@link formatChange}; empty when there is no interval. */
export function formatChangeInterval(low: number | null, high: number | null): string {
  return low === null || high === null ? '' : `[${signedPercent(low)} to ${signedPercent(high)}]`;
}

/** A share of one as percent: 0.0042 is `0.42 %`. */
export function formatShare(share: number | null): string {
  if (share === null) return missing;
  if (share === 0) return '0 %';
  const percent = share * 100;
  return `${percent < 0.01 ? '< 0.01' : percent.toFixed(percent < 1 ? 2 : percent < 10 ? 1 : 0)} %`;
}

/** Confidence without false precision: 0.96875 is `96.9 %`, 0.5 is `50 %`. */
export function formatConfidence(confidence: number): string {
  return `${Number((confidence * 100).toFixed(1))} %`;
}

export function formatPlural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function signedPercent(ratio: number): string {
  const percent = (ratio - 1) * 100;
  const size = Math.abs(percent);
  const text = size < 9.95 ? size.toFixed(1) : groupThousands(size.toFixed(0));
  if (Number(text.replaceAll(',', '')) === 0) return '0';
  return (percent < 0 ? minus : '+') + text;
}

function groupThousands(digits: string): string {
  const [whole = '', fraction] = digits.replace('-', minus).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
