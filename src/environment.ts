/** Reading variables of the environment, for every part of the program that has some. */
import type { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment cannot be used as it is; the message names every variable at fault. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Parses variables with a zod object; throws ConfigurationError with one line that names them all. */
export function parseEnvironment<Values>(schema: z.ZodType<Values>, environment: Environment): Values {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  throw new ConfigurationError(sentences.join('; '), { cause: parsed.error });
}
