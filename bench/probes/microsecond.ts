/** Milliseconds to the microsecond: further digits are noise that fills the journal. */
export function toMicrosecond(ms: number): number {
  return Math.round(ms * 1e3) / 1e3;
}
