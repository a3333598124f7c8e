/** What the environment says about a fault to be built in, so that whoever measures can see if it is seen. */
import { z } from 'zod';
import { type Environment, parseEnvironment } from '../../environment.ts';

/** Indexes whose loss a contact centre feels: an agent's conversations, and the search for a contact. */
export const droppableIndexes = ['interactions_user_id', 'contacts_name_prefix'] as const;
export type DroppableIndex = (typeof droppableIndexes)[number];

export type Injection =
  /** So many milliseconds of CPU for each request that is not an operator's. */
  | { readonly kind: 'busy-loop'; readonly ms: number }
  /** The index is dropped on the primary, and hence on its replicas. */
  | { readonly kind: 'dropped-index'; readonly index: DroppableIndex }
  /** An agent's conversations are asked for one by one. */
  | { readonly kind: 'n-plus-one' }
  /** Each pool has one connection, whatever DB_POOL_MAX says. */
  | { readonly kind: 'pool-of-1' };

const mostBusyMs = 1_000;

const variables = z.object({
  INJECT: z
    .string()
    .default('')
    .transform((text, context): Injection | null => {
      if (text === '') return null;
      const injection = parseInjection(text);
      if (typeof injection !== 'string') return injection;
      context.addIssue({ code: 'custom', message: `is "${text}": ${injection}` });
      return z.NEVER;
    }),
});

/**
 * Reads `INJECT`: `busy-loop:<ms>`, `dropped-index`, `dropped-index:<index>`, `n-plus-one` or `pool-of-1`; null when
 * it is absent or empty. Throws ConfigurationError with the value and with what to write instead.
 */
export function readInjection(environment: Environment): Injection | null {
  return parseEnvironment(variables, environment).INJECT;
}

/** The injection, or what is wrong with the text. */
function parseInjection(text: string): Injection | string {
  const [kind, ...rest] = text.split(':');
  const value = rest.length === 0 ? undefined : rest.join(':');
  switch (kind) {
    case 'busy-loop':
      return parseBusyLoop(value);
    case 'dropped-index':
      return parseIndex(value);
    case 'n-plus-one':
    case 'pool-of-1':
      return value === undefined ? { kind } : `${kind} takes no value, leave ":${value}" out`;
    default:
      return 'use busy-loop:<ms>, dropped-index, dropped-index:<index>, n-plus-one or pool-of-1, or leave it unset';
  }
}

function parseBusyLoop(value: string | undefined): Injection | string {
  // Digits only: Number() would take "", " 1" and "0x10" as well.
  const ms = value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (ms > 0 && ms <= mostBusyMs) return { kind: 'busy-loop', ms };
  return `give the milliseconds of CPU for each request, above 0 and at most ${mostBusyMs}, like busy-loop:0.5`;
}

function parseIndex(value: string | undefined): Injection | string {
  const index = droppableIndexes.find((name) => name === (value ?? droppableIndexes[0]));
  return index === undefined ? `use one of ${droppableIndexes.join(', ')}` : { kind: 'dropped-index', index };
}
