import { z } from 'zod';
import { metricIds } from '../../model.ts';

/** The shape of `replibench.gate.json`; every field may be left out, and is the default then. */
export const gateFileSchema = buildSchema();

/** JSON Schema (draft 2020-12) of the file, for editors; `replibench.gate.schema.json` beside this file is its text. */
export function gateFileJsonSchema(): object {
  return { title: 'What a replibench gate tests', ...z.toJSONSchema(gateFileSchema) };
}

function buildSchema() {
  const share = z.number().gt(0).lt(1);
  const gated = z
    .strictObject({
      minEffect: share.describe('Share of the reference below which nothing fails; 0.05 = 5 % worse.'),
      tolerance: share.describe('Share of the reference that the gate promises to catch.'),
    })
    .partial();
  const guard = z
    .strictObject({
      metric: z.enum(metricIds),
      max: z.number().exactOptional(),
      min: z.number().exactOptional(),
    })
    .refine(({ max, min }) => max !== undefined || min !== undefined, 'a guard needs max or min');
  const looks = z
    .array(z.int().min(6).max(200))
    .min(1)
    .refine((blocks) => blocks.every((each, index) => each > (blocks[index - 1] ?? 0)), 'must be ascending');
  return z.strictObject({
    $schema: z.string().optional(),
    scenario: z.string().min(1).optional().describe('Built-in name, or path relative to this file.'),
    against: z
      .string()
      .min(1)
      .optional()
      .describe('Commit, tag or branch; default: the merge base with main.'),
    anchor: z.string().min(1).optional().describe('Pinned build of "gate record" and "gate --history".'),
    metrics: z
      .partialRecord(z.enum(metricIds), z.union([gated, z.literal(false)]))
      .optional()
      .describe('Over the defaults, metric by metric; false takes one out.'),
    guards: z.array(guard).optional().describe('Bounds of the candidate alone; instead of the defaults.'),
    looks: looks.optional().describe('Numbers of blocks after which is decided, ascending.'),
    alpha: z
      .number()
      .gt(0)
      .max(0.2)
      .optional()
      .describe('Most false fails, and most false passes, as a share; divided over the looks.'),
  });
}
