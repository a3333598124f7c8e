import { defineConfig } from 'vitest/config';

/** Tests that need a Docker engine: one after the other, each with a stack of its own. */
export default defineConfig({
  test: {
    include: ['test/containers/**/*.test.ts'],
    globalSetup: ['test/containers/support/application-image.ts'],
    // Longer than everything that a test waits for inside: a test that is given up goes on beside the next one.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
