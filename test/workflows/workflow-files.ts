/** The workflows as data. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const folder = resolve(import.meta.dirname, '../../.github/workflows');

const permissions = z.record(z.string(), z.enum(['read', 'write', 'none']));

const step = z.strictObject({
  name: z.string().optional(),
  id: z.string().optional(),
  if: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  'timeout-minutes': z.number().optional(),
  with: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  env: z.record(z.string(), z.string()).optional(),
  'continue-on-error': z.boolean().optional(),
});

/** What these workflows use of the language; anything else is refused, because no test here would judge it. */
const workflow = z.strictObject({
  name: z.string(),
  on: z.partialRecord(z.enum(['pull_request', 'schedule', 'workflow_dispatch', 'workflow_run']), z.unknown()),
  permissions,
  concurrency: z.union([
    z.string(),
    z.strictObject({ group: z.string(), 'cancel-in-progress': z.boolean().optional() }),
  ]),
  jobs: z.record(
    z.string(),
    z.strictObject({
      if: z.string().optional(),
      'runs-on': z.string(),
      'timeout-minutes': z.number(),
      permissions: permissions.optional(),
      steps: z.array(step),
    }),
  ),
});

export type Step = z.infer<typeof step>;

export interface WorkflowFile extends z.infer<typeof workflow> {
  readonly file: string;
  readonly text: string;
}

/** @throws what is no workflow in the sense of the schema above */
export function workflowFiles(): readonly WorkflowFile[] {
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      return { file, text, ...workflow.parse(parse(text)) };
    });
}

export function stepsOf({ jobs }: Pick<WorkflowFile, 'jobs'>): readonly Step[] {
  return Object.values(jobs).flatMap(({ steps }) => steps);
}
