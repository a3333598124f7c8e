import { readFile } from 'node:fs/promises';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { RunResult } from '../../bench/model.ts';
import { renderJson } from '../../bench/report/json.ts';
import { resultJsonSchema, resultSchema } from '../../bench/report/result-schema.ts';
import { foldJournal } from '../analysis/fold-journal.ts';
import { buildJournal } from '../analysis/journal-builder.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
type Parsed = z.infer<typeof resultSchema>;

describe('the schema of result.json', () => {
  test('says the same as the model', () => {
    // Checked by the compiler. Bodies of operations are JSON, a type too recursive to compare.
    expectTypeOf<DeepReadonly<Omit<Parsed, 'scenario'>>>().toEqualTypeOf<
      DeepReadonly<Omit<RunResult, 'scenario'>>
    >();
    expectTypeOf<DeepReadonly<Omit<Parsed['scenario'], 'operations'>>>().toEqualTypeOf<
      DeepReadonly<Omit<RunResult['scenario'], 'operations'>>
    >();
    expectTypeOf<keyof Parsed['scenario']['operations'][number]>().toEqualTypeOf<
      keyof RunResult['scenario']['operations'][number]
    >();
  });

  test('is shipped as JSON Schema that is current', async () => {
    const path = new URL('../../bench/report/result.schema.json', import.meta.url);
    // Made again with: node test/report/write-schema.ts
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(resultJsonSchema());
  });

  const journals = {
    'a finished run': buildJournal(),
    'a single arm': buildJournal({ replicated: null }),
    'a run that was cut off in its first slice': buildJournal().slice(0, 12),
    'a run without quota': buildJournal({ plan: { nodeCpus: null, limitMethod: 'none' } }),
    'one block': buildJournal({ blocks: 1 }),
  };
  test.each(Object.entries(journals))('accepts %s, as it is written', (_name, journal) => {
    const written: unknown = JSON.parse(renderJson(foldJournal(journal)));
    expect(resultSchema.safeParse(written).error).toBeUndefined();
    // What is not JSON (NaN, Infinity, undefined) would come back as something else.
    expect(written).toEqual(foldJournal(journal));
  });

  test('refuses a misspelt field and a missing one', () => {
    const { verdict, ...rest } = foldJournal(buildJournal({ blocks: 1 }));
    expect(resultSchema.safeParse(rest).success).toBe(false);
    expect(resultSchema.safeParse({ ...rest, verdict, verdicts: verdict }).success).toBe(false);
  });
});
