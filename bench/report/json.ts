import type { RunResult } from '../model.ts';

/** result.json; its schema is `result.schema.json` beside this file. */
export function renderJson(result: RunResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}
