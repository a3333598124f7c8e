// Writes the JSON Schemas that are shipped after a change of one: node test/report/write-schema.ts
import { writeFile } from 'node:fs/promises';
import { gateFileJsonSchema } from '../../bench/commands/gate/gate-file-schema.ts';
import { resultJsonSchema } from '../../bench/report/result-schema.ts';

const schemas = {
  'report/result.schema.json': resultJsonSchema(),
  'commands/gate/replibench.gate.schema.json': gateFileJsonSchema(),
};
for (const [name, schema] of Object.entries(schemas)) {
  await writeFile(new URL(`../../bench/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
