/** Breaks things on schedule, and puts them right again. */
import { setTimeout as delay } from 'node:timers/promises';
import { EnvironmentError, type Fault, type NodeAddress } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import type { Links } from './links.ts';
import { type LinkState, wellLink } from './proxy.ts';
import { delayReplay, pauseReplay, resumeReplay } from './replay.ts';

/** A node as a drill sees it. */
export interface DrillNode {
  readonly address: NodeAddress;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** After a stop or a kill; resolves when it answers again. Absent where that cannot be done. */
  start?(): Promise<void>;
  pause(): void | Promise<void>;
  resume(): void | Promise<void>;
}

export interface FaultChange {
  /** Position among the faults of the drill. */
  readonly index: number;
  readonly fault: string;
  readonly node: string;
  readonly phase: 'begin' | 'end';
}

export interface DrillOptions {
  readonly faults: readonly Fault[];
  readonly nodes: readonly DrillNode[];
  /** Of faults of links; null when there are none. */
  readonly links: Links | null;
  /** Length of the slice that shares are shares of. */
  readonly seconds: number;
  /** Told when a fault begins and when it is over, on one node each. */
  readonly onChange: (change: FaultChange) => void;
}

export interface Drill {
  /** What begins with the slice is on when this resolves. Throws EnvironmentError. */
  prepare(): Promise<void>;
  /** Starts the clock of the others. Rejects when one of them cannot be done; otherwise never settles before `end`. */
  run(): Promise<void>;
  /** Puts right whatever is not yet, and waits for it. Throws EnvironmentError when something stays broken. */
  end(): Promise<void>;
}

/** One fault on one node. */
interface Act {
  readonly index: number;
  readonly fault: Fault;
  readonly node: DrillNode;
  /** Set as soon as either is begun: whoever ends the drill waits for what is under way. */
  begun: Promise<void> | null;
  healed: Promise<void> | null;
}

/** An arm without a node has none of its faults. */
export function createDrill(options: DrillOptions): Drill {
  const { faults, nodes, links, seconds, onChange } = options;
  const acts: readonly Act[] = faults.flatMap((fault, index) =>
    nodes
      .filter(({ address }) => isMeant(fault, address))
      .map((node) => ({ index, fault, node, begun: null, healed: null })),
  );
  const over = new AbortController();
  const tell = ({ index, fault, node }: Act, phase: 'begin' | 'end'): void =>
    onChange({ index, fault: describeFault(fault), node: node.address.name, phase });

  const begin = (act: Act): Promise<void> => {
    tell(act, 'begin');
    act.begun = wrapped(act, () => apply(act.fault, act.node, links));
    return act.begun;
  };
  /** Once; of what never began there is nothing to mend. */
  const heal = (act: Act): Promise<void> => {
    const { begun } = act;
    if (begun === null) return Promise.resolve();
    act.healed ??= (async () => {
      await begun.catch(() => undefined);
      await wrapped(act, () => putRight(act.fault, act.node, links));
      tell(act, 'end');
    })();
    return act.healed;
  };
  const follow = async (act: Act, startedAtMs: number): Promise<void> => {
    const { from, to = 1 } = act.fault;
    const { signal } = over;
    // Both from the same zero: a fault that takes its time to be made must not move its own end.
    const until = (share: number) =>
      delay(Math.max(0, startedAtMs + share * seconds * 1_000 - monotonicMs()), undefined, { signal });
    if (act.begun === null) {
      await until(from);
      await begin(act);
    }
    if (to >= 1) return;
    await until(to);
    await heal(act);
  };
  return {
    async prepare() {
      await Promise.all(acts.filter(({ fault }) => fault.from === 0).map(begin));
    },
    async run() {
      const startedAtMs = monotonicMs();
      const all = acts.map((act) =>
        follow(act, startedAtMs).catch((error: unknown) => {
          if (!over.signal.aborted) throw error;
        }),
      );
      await Promise.all(all);
      await new Promise<void>((resolve) => {
        if (over.signal.aborted) resolve();
        else over.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    async end() {
      over.abort();
      const healed = await Promise.allSettled(acts.map(heal));
      const failed = healed.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}

/** `kill`, `replay-delay 200 ms`, `link-throttle of wal, 64000 B/s` */
export function describeFault(fault: Fault): string {
  const { kind, link, delayMs, bytesPerSecond } = fault;
  const where = link === undefined ? '' : ` of ${link}`;
  const how =
    delayMs !== undefined ? ` ${delayMs} ms` : bytesPerSecond !== undefined ? ` ${bytesPerSecond} B/s` : '';
  return `${kind}${where}${how}`;
}

/**
 * Names of the links that faults need: `app:replica1` from the application, `wal:replica1` from its primary. Where one
 * node needs one every node of every arm gets it, so that all comparisons bear what it costs.
 */
export function linksOf(faults: readonly Fault[], nodes: readonly NodeAddress[]): readonly string[] {
  return [...new Set(faults.flatMap(({ link }) => link ?? []))].flatMap((link) =>
    nodes.filter(({ role }) => link === 'app' || role === 'replica').map(({ name }) => `${link}:${name}`),
  );
}

function isMeant({ node, link }: Fault, { name, role }: NodeAddress): boolean {
  if (link === 'wal' && role === 'primary') return false;
  return node === name || (node === 'replicas' && role === 'replica');
}

async function apply(fault: Fault, node: DrillNode, links: Links | null): Promise<void> {
  switch (fault.kind) {
    case 'stop':
      return node.stop();
    case 'kill':
      return node.kill();
    case 'pause':
      return node.pause();
    case 'replay-pause':
      return pauseReplay(node.address);
    case 'replay-delay':
      return delayReplay(node.address, fault.delayMs ?? 0);
    case 'link-delay':
      return setLink(fault, node, links, { ...wellLink, delayMs: fault.delayMs ?? 0 });
    case 'link-throttle':
      return setLink(fault, node, links, { ...wellLink, bytesPerSecond: fault.bytesPerSecond ?? null });
    case 'link-black-hole':
      return setLink(fault, node, links, { ...wellLink, mode: 'black-hole' });
    case 'link-cut':
      return setLink(fault, node, links, { ...wellLink, mode: 'cut' });
  }
}

async function putRight(fault: Fault, node: DrillNode, links: Links | null): Promise<void> {
  switch (fault.kind) {
    case 'stop':
    case 'kill':
      if (node.start === undefined) throw new Error('this topology cannot start a node again');
      return node.start();
    case 'pause':
      return node.resume();
    case 'replay-pause':
      return resumeReplay(node.address);
    case 'replay-delay':
      return delayReplay(node.address, 0);
    default:
      return setLink(fault, node, links, wellLink);
  }
}

async function setLink(fault: Fault, node: DrillNode, links: Links | null, state: LinkState): Promise<void> {
  if (links === null) throw new Error('there are no links');
  await links.set(`${fault.link}:${node.address.name}`, state);
}

async function wrapped(act: Act, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = `${describeFault(act.fault)} on ${act.node.address.name}`;
    throw new EnvironmentError(`the fault could not be made or mended: ${what}: ${reason}`, { cause });
  }
}
