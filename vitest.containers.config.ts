import { defineConfig } from 'vitest/config';

/** Tests that need a Docker engine: one after the other, each with a stack of its own. */
export default defineConfig({
  test: {
    include: ['test/containers/**/*.test.ts'],
    globalSetup: ['test/containers/support/application-image.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
