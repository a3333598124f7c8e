import { writeFile } from 'node:fs/promises';
import { resultJsonSchema } from '../../bench/report/result-schema.ts';

// Writes bench/report/result.schema.json after a change of the schema: node test/report/write-schema.ts
const path = new URL('../../bench/report/result.schema.json', import.meta.url);
await writeFile(path, `${JSON.stringify(resultJsonSchema(), null, 2)}\n`);
