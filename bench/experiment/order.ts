import type { Arm } from '../model.ts';
import { deriveSeed, shuffle } from './random.ts';

/**
 * Arms of each block in the order they are measured. The order is drawn, so that a machine that
 * slows down over the run does not favour one arm; the draws are balanced in pairs of blocks (every
 * second block reverses the one before it), so that with few blocks chance cannot put one arm first
 * throughout.
 */
export function blockOrder(
  arms: readonly Arm[],
  blocks: number,
  seed: number,
): readonly (readonly string[])[] {
  const names = arms.map((arm) => arm.name);
  return Array.from({ length: blocks }, (_, block) => {
    const drawn = shuffle(names, deriveSeed(seed, Math.floor(block / 2), 99));
    return block % 2 === 0 ? drawn : [...drawn].reverse();
  });
}
