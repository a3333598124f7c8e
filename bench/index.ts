/** The public face of the package: what a `replibench.config.ts` or a scenario file imports. */
export {
  type ApplicationConfig,
  type Connections,
  defineConfig,
  type Endpoint,
  type PrepareConfig,
  type ReplibenchConfig,
} from './experiment/config.ts';
export type { Json, KeyDistribution, Objective, Operation, RateStep, RunResult, Scenario } from './model.ts';
