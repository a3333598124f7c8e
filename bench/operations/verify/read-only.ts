/** Test 4: a write on a replica is refused, because it is in recovery and not for any other reason. */
import { withClient } from '../../topology/postgres/connect.ts';
import { reasonOf, sqlStateOf } from '../ask.ts';
import { advise, type CheckResult, type ExpectedReplica, failed, ok, type VerifyContext } from './check.ts';

/** read_only_sql_transaction */
export const refusedState = '25006';

const answerMs = 5_000;

interface Answer {
  readonly refused: boolean;
  readonly sentence: string;
}

export async function checkReadOnly({ target }: VerifyContext): Promise<CheckResult> {
  const answers = await Promise.all(target.replicas.map(tryToWrite));
  const evidence = answers.map(({ sentence }) => sentence).join(' · ');
  if (answers.every(({ refused }) => refused)) return ok('read-only', evidence);
  return failed('read-only', evidence, advise(target, 'let nobody write there: make it a replica again'));
}

async function tryToWrite({ name, address, problem }: ExpectedReplica): Promise<Answer> {
  if (address === null) return { refused: false, sentence: `${name} cannot be asked: ${problem}` };
  try {
    return await withClient(
      address,
      async (client) => {
        const { rows } = await client.query<{ recovers: boolean }>('SELECT pg_is_in_recovery() AS recovers');
        // Rolled back in any case: should it be a primary after all, nothing stays.
        await client.query('BEGIN');
        const failure: unknown = await client.query('CREATE TABLE replibench_refused ()').then(
          () => null,
          (error: unknown) => error,
        );
        await client.query('ROLLBACK');
        if (failure === null) return { refused: false, sentence: `${name} accepts writes` };
        const state = sqlStateOf(failure);
        if (state !== refusedState)
          return {
            refused: false,
            sentence: `${name} refuses for another reason: ${reasonOf(failure, address)}`,
          };
        if (rows[0]?.recovers !== true)
          return { refused: false, sentence: `${name} is a primary with read-only transactions, no replica` };
        return { refused: true, sentence: `${name} refuses writes (SQLSTATE ${state})` };
      },
      answerMs,
    );
  } catch (error) {
    return { refused: false, sentence: `${name} does not answer: ${reasonOf(error, address)}` };
  }
}
