import { defineConfig } from 'vitest/config';

/** Whole gates, minutes each: one after the other, because what runs beside a measurement is in it. */
export default defineConfig({
  test: {
    include: ['test/gates/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
