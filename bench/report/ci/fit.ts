/**
 * Joins parts with blank lines into at most `maxBytes` bytes of UTF-8, the most important first: a part for
 * which there is no room is left out, and `leftOut` is said at the end. The first part must fit.
 */
export function fitParts(parts: readonly string[], maxBytes: number, leftOut: string): string {
  const full = parts.filter((part) => part !== '');
  const whole = full.join(between);
  if (bytes(whole) + 1 <= maxBytes) return `${whole}\n`;
  let room = maxBytes - bytes(between + leftOut) - 1;
  const kept: string[] = [];
  for (const part of full) {
    const size = bytes(part) + (kept.length === 0 ? 0 : bytes(between));
    if (size > room) continue;
    kept.push(part);
    room -= size;
  }
  return `${[...kept, leftOut].join(between)}\n`;
}

const between = '\n\n';
const encoder = new TextEncoder();

function bytes(text: string): number {
  return encoder.encode(text).length;
}
