/** Test 1: the primary streams to every replica that should be there. */
import { ask, askOne, reasonOf } from '../ask.ts';
import { advise, type CheckResult, failed, noPrimary, ok, type VerifyContext } from './check.ts';

/** A row of pg_stat_replication. */
export interface Sender {
  readonly applicationName: string;
  readonly state: string;
  readonly syncState: string;
}

/** What a replica says about itself. */
export interface Receiver {
  readonly name: string;
  /** Why it could not be asked. */
  readonly problem: string | null;
  readonly inRecovery: boolean;
  readonly systemIdentifier: string;
  /** Null without a walreceiver. */
  readonly status: string | null;
  /** The name under which it asks the primary for WAL, if it may be seen. */
  readonly applicationName: string | null;
}

const sendersSql = `SELECT application_name AS "applicationName", state, sync_state AS "syncState"
  FROM pg_stat_replication`;

const receiverSql = `SELECT pg_is_in_recovery() AS "inRecovery",
    (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
    -- Whoever may not see the status still sees that there is a row.
    (SELECT coalesce(status, 'streaming') FROM pg_stat_wal_receiver) AS status,
    (SELECT conninfo FROM pg_stat_wal_receiver) AS conninfo`;

export async function checkStreaming({ target }: VerifyContext): Promise<CheckResult> {
  const { primary } = target;
  if (primary === null) return noPrimary('streaming', target);
  const [senders, own, receivers] = await Promise.all([
    ask<Sender>(primary, sendersSql),
    askOne<{ systemIdentifier: string }>(primary, receiverSql),
    Promise.all(
      target.replicas.map(async ({ name, address, problem }): Promise<Receiver> => {
        const silent = { name, inRecovery: false, systemIdentifier: '', status: null, applicationName: null };
        if (address === null) return { ...silent, problem: problem ?? 'it has no address' };
        try {
          const row = await askOne<Omit<Receiver, 'name' | 'problem'> & { conninfo: string | null }>(
            address,
            receiverSql,
          );
          return { ...row, name, problem: null, applicationName: applicationNameOf(row.conninfo) };
        } catch (error) {
          return { ...silent, problem: reasonOf(error, address) };
        }
      }),
    ),
  ]);
  const sentences = receivers.map((one) => judgeReceiver(one, senders, own.systemIdentifier));
  const evidence = sentences.map(({ sentence }) => sentence).join(' · ');
  if (sentences.every(({ streams }) => streams)) return ok('streaming', evidence);
  return failed('streaming', evidence, advise(target, 'start or reconnect what does not stream'));
}

/** Whether this replica streams from this primary, and the sentence that says so. */
export function judgeReceiver(
  receiver: Receiver,
  senders: readonly Sender[],
  systemIdentifier: string,
): { readonly streams: boolean; readonly sentence: string } {
  const { name } = receiver;
  const no = (why: string) => ({ streams: false, sentence: `${name} ${why}` });
  if (receiver.problem !== null) return no(`does not answer: ${receiver.problem}`);
  if (receiver.systemIdentifier !== systemIdentifier) return no('holds another cluster');
  if (!receiver.inRecovery) return no('is no replica: it accepts writes');
  if (receiver.status === null) return no('has no connection to the primary');
  const names = [name, receiver.applicationName];
  const sender = senders.find(({ applicationName }) => names.includes(applicationName));
  if (sender === undefined) return no('streams from another server than the primary');
  if (sender.state !== 'streaming') return no(`is in state ${sender.state}`);
  return { streams: true, sentence: `${name} streaming (${sender.syncState})` };
}

/** `application_name`, else its fallback, of a connection string as pg_stat_wal_receiver shows it. */
export function applicationNameOf(conninfo: string | null): string | null {
  if (conninfo === null) return null;
  const value = (key: string) =>
    new RegExp(`(?:^|\\s)${key}=(?:'((?:[^'\\\\]|\\\\.)*)'|(\\S+))`).exec(conninfo)?.slice(1).find(Boolean);
  return value('application_name') ?? value('fallback_application_name') ?? null;
}
