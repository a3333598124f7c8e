import type { KeyDistribution } from '../model.ts';
import type { Random } from './random.ts';
import { createZipf } from './zipf.ts';

/** Draws the value of one placeholder. */
export type DrawKey = () => string | number;

/**
 * @param uniqueScope what makes `unique` keys differ from those of every other stream of the run.
 */
export function createKey(distribution: KeyDistribution, random: Random, uniqueScope: string): DrawKey {
  switch (distribution.kind) {
    case 'uniform': {
      const { min, max } = distribution;
      return () => min + Math.floor(random() * (max - min + 1));
    }
    case 'zipf': {
      const { min, max, exponent } = distribution;
      const rank = createZipf(max - min + 1, exponent, random);
      return () => min - 1 + rank();
    }
    case 'choice': {
      const { values } = distribution;
      return () => values[Math.floor(random() * values.length)] as string | number;
    }
    case 'unique': {
      let sequence = 0;
      return () => {
        sequence += 1;
        return `${distribution.prefix}${uniqueScope}-${sequence}`;
      };
    }
  }
}
