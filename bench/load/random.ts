import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Draws uniformly from [0, 1). */
export type Random = () => number;

/**
 * An independent stream of random numbers for one purpose: the same seed and path give the same stream
 * on every machine, and no stream is disturbed by how many numbers another one has drawn.
 */
export function randomStream(seed: number, ...path: readonly number[]): Random {
  const generator = xoroshiro128plus(path.reduce((mixed, part) => mix(mixed + part), mix(seed)));
  return () => uniformFloat64(generator);
}

/** Finaliser of splitmix32: neighbouring seeds give unrelated states. */
function mix(value: number): number {
  let x = (value + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
