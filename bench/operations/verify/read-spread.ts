/** Test 5: reads through the application are answered by the replicas, and by all of them. */
import { randomInt } from 'node:crypto';
import { reasonOf } from '../ask.ts';
import { share } from '../quantities.ts';
import { advise, type CheckResult, failed, ok, type VerifyContext } from './check.ts';

/** Reads per replica and round, and how many of them at once: only parallel reads use a whole pool. */
const readsPerReplica = 60;
const parallelPerReplica = 8;
/** A pool hands out the connection used last, so one replica can be short of reads by chance. */
const mostRounds = 3;
/** Longer than the application's own patience with its database. */
const answerMs = 30_000;
/** So many failures without a single answer tell enough. */
const hopeless = 20;

/** Least share of a replica, of what an even spread would give it; most share of everything else. */
const leastOfEven = 0.2;
const mostElsewhere = 0.05;
const mostErrors = 0.01;

export interface ReadCounts {
  /** Answers by node name; '' = the answer names no node, `cache` = no node had to be asked. */
  readonly byNode: Readonly<Record<string, number>>;
  readonly errors: number;
  readonly firstError: string | null;
}

export async function checkReadSpread({ target, signal }: VerifyContext): Promise<CheckResult> {
  const { application, replicas } = target;
  if (application === null) {
    const why = target.applicationProblem ?? 'no application is known';
    return failed('read-spread', why, advise(target, 'start the application'));
  }
  const names = replicas.map(({ name }) => name);
  let counts: ReadCounts = { byNode: {}, errors: 0, firstError: null };
  for (let round = 1; round <= mostRounds; round += 1) {
    counts = await read(application, { names, round, before: counts, target, signal });
    if (judgeSpread(counts, names).fine || Object.keys(counts.byNode).length === 0) break;
  }
  const { fine, sentence, advice } = judgeSpread(counts, names);
  return fine ? ok('read-spread', sentence) : failed('read-spread', sentence, advise(target, advice));
}

/** The share of each node, and whether that is what an application with replicas should do. */
export function judgeSpread(
  counts: ReadCounts,
  replicas: readonly string[],
): { readonly fine: boolean; readonly sentence: string; readonly advice: string } {
  const { errors, firstError } = counts;
  const { cache: cached = 0, ...byNode } = counts.byNode;
  const answered = Object.values(byNode).reduce((sum, count) => sum + count, 0);
  const others = Object.keys(byNode).filter((name) => !replicas.includes(name));
  const shares = [...replicas, ...others].map(
    (name) => `${name === '' ? 'no node named' : name} ${share(byNode[name] ?? 0, answered)}`,
  );
  const failures = errors === 0 ? '' : `, ${errors} failed (${firstError})`;
  const beside = cached === 0 ? '' : `, ${cached} more from a cache`;
  const sentence = `${answered + errors} reads: ${shares.join(' · ')}${failures}${beside}`;
  const no = (advice: string) => ({ fine: false, sentence, advice });
  if (answered === 0 || errors / (answered + errors) > mostErrors)
    return no('see why the application does not answer');
  const elsewhere = others.reduce((sum, name) => sum + (byNode[name] ?? 0), 0);
  if (elsewhere / answered > mostElsewhere)
    return no('name the replicas to the application (DB_REPLICA1_HOST ...) and recreate it');
  const least = (leastOfEven * answered) / replicas.length;
  const short = replicas.filter((name) => (byNode[name] ?? 0) < least);
  if (short.length > 0) return no(`see why the application does not read from ${short.join(', ')}`);
  return { fine: true, sentence, advice: '' };
}

interface Round {
  readonly names: readonly string[];
  readonly round: number;
  readonly before: ReadCounts;
  readonly target: VerifyContext['target'];
  readonly signal: AbortSignal;
}

async function read(
  { url, readPath }: { readonly url: string; readonly readPath: string },
  { names, round, before, target, signal }: Round,
): Promise<ReadCounts> {
  const byNode: Record<string, number> = { ...before.byNode };
  let { errors, firstError } = before;
  let left = readsPerReplica * Math.max(1, names.length);
  const one = async () => {
    while (left > 0 && !(errors >= hopeless && Object.keys(byNode).length === 0)) {
      left -= 1;
      signal.throwIfAborted();
      try {
        const node = await readOnce(url + readPath.replaceAll('{n}', String(randomInt(1, 2 ** 31))), signal);
        const name = node === '' ? '' : target.nodeOfHeader(node);
        byNode[name] = (byNode[name] ?? 0) + 1;
      } catch (error) {
        signal.throwIfAborted();
        errors += 1;
        firstError ??= reasonOf(error);
      }
    }
  };
  const parallel = parallelPerReplica * Math.max(1, names.length) * round;
  await Promise.all(Array.from({ length: parallel }, one));
  return { byNode, errors, firstError };
}

/** The node named by one answer. Throws when the application does not answer, or with a server's failure. */
async function readOnce(url: string, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const response = await fetch(url, { signal: limit });
  const body = await response.text();
  // "No such row" was answered by a database, too.
  if (response.status >= 500) throw new Error(`HTTP ${response.status}: ${body.trim().slice(0, 160)}`);
  return response.headers.get('x-db-node') ?? '';
}
