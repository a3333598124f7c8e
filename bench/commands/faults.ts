import { checkScenario } from '../experiment/scenario-file.ts';
import { type Arm, type Fault, faultKinds, type Scenario, UsageError } from '../model.ts';

/** What `--fault` says of the texts that it takes. */
export const faultHelp =
  'break something in each steady slice: kill:replica1@0.3-0.6 (shares of its length; without them all of it), ' +
  'pause:replicas, stop:primary, replay-pause:replica1, replay-delay:replicas:200ms, link-delay:app:replica1:20ms, ' +
  'link-throttle:wal:replica1:64kB, link-black-hole:app:replica1, link-cut:wal:replicas; may be repeated; ' +
  'with a window slices are 3 blocks of 30 s, unless they are longer or said otherwise';

/** A fault with a before and an after needs whole seconds of each; fewer and longer slices take the same time. */
const roomy = { blocks: 3, sliceSeconds: 30 } as const;

/**
 * The scenario with these faults in the place of its own, and with slices that are long enough for them.
 * @throws UsageError naming the text and what it lacks
 */
export function withFaults(scenario: Scenario, texts: readonly string[]): Scenario {
  if (texts.length === 0) return scenario;
  const faults = texts.map(parseFault);
  const short = scenario.defaults.sliceSeconds < roomy.sliceSeconds;
  const defaults = short && faults.some(hasWindow) ? roomy : scenario.defaults;
  return checkScenario({ ...scenario, faults, defaults }, '--fault');
}

/**
 * A fault on a node that no arm has would never be made, and the report would show none.
 * @throws UsageError naming the scenario, the fault and the nodes that there are
 */
export function refuseUnknownNodes(
  { name, faults = [] }: Pick<Scenario, 'name' | 'faults'>,
  arms: readonly Pick<Arm, 'replicas'>[],
): void {
  const most = Math.max(...arms.map(({ replicas }) => replicas));
  const replicas = Array.from({ length: most }, (_, index) => `replica${index + 1}`);
  const unknown = faults.find(
    ({ node }) =>
      node !== 'primary' && !replicas.includes(node) && !(node === 'replicas' && replicas.length > 0),
  );
  if (unknown === undefined) return;
  throw new UsageError(
    `${name}: ${unknown.kind} on ${unknown.node} would never happen: the arms have ${['primary', ...replicas].join(', ')}; ` +
      'name one of them with --fault, or ask for more with --replicas or +replicas',
  );
}

function hasWindow({ from, to = 1 }: Fault): boolean {
  return from > 0 || to < 1;
}

function parseFault(text: string): Fault {
  const [what = '', when, ...more] = text.split('@');
  const [kind = '', ...rest] = what.split(':');
  const known = faultKinds.find((each) => each === kind);
  if (known === undefined) {
    throw new UsageError(`--fault ${text}: "${kind}" is no fault: there are ${faultKinds.join(', ')}`);
  }
  const link = known.startsWith('link-') ? linkOf(text, rest.shift()) : undefined;
  const [node = '', value, ...others] = rest;
  const takesValue = known.endsWith('-delay') || known === 'link-throttle';
  const unused = [...others, ...more, ...(takesValue || value === undefined ? [] : [value])];
  if (unused.length > 0) throw new UsageError(`--fault ${text}: "${unused.join(', ')}" is too much`);
  return {
    kind: known,
    node,
    ...(link === undefined ? {} : { link }),
    ...(known.endsWith('-delay') ? { delayMs: milliseconds(text, value) } : {}),
    ...(known === 'link-throttle' ? { bytesPerSecond: bytes(text, value) } : {}),
    ...window(text, when),
  };
}

function linkOf(text: string, link: string | undefined): 'app' | 'wal' {
  if (link === 'app' || link === 'wal') return link;
  throw new UsageError(`--fault ${text}: a link is app (from the application) or wal (from the primary)`);
}

function milliseconds(text: string, value: string | undefined): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(value ?? '') ?? [];
  if (unit === undefined) throw new UsageError(`--fault ${text}: needs a time at its end, 200ms or 2s`);
  return Number(number) * (unit === 's' ? 1_000 : 1);
}

function bytes(text: string, value: string | undefined): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(B|kB|MB)$/.exec(value ?? '') ?? [];
  if (unit === undefined)
    throw new UsageError(`--fault ${text}: needs bytes a second at its end, 64kB or 1MB`);
  return Number(number) * { B: 1, kB: 1_000, MB: 1_000_000 }[unit as 'B' | 'kB' | 'MB'];
}

/** `0.3-0.6`, or `0.3` for "from then on". */
function window(text: string, when: string | undefined): Pick<Fault, 'from' | 'to'> {
  if (when === undefined) return { from: 0 };
  const [, from, to] = /^(\d?(?:\.\d+)?)(?:-(\d?(?:\.\d+)?))?$/.exec(when) ?? [];
  if (from === undefined || from === '') {
    throw new UsageError(`--fault ${text}: "@${when}" is no part of the slice; @0.3-0.6 is`);
  }
  return to === undefined ? { from: Number(from) } : { from: Number(from), to: Number(to) };
}
