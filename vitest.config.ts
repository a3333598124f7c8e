import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need a container engine, or a machine to themselves: vitest.containers.config.ts, vitest.gates.config.ts.
    exclude: ['test/containers/**', 'test/gates/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers would make tests that start servers starve each other.
    maxWorkers: 2,
  },
});
