import type { Timeline } from '../../analysis/timeline.ts';
import type { FaultWindow } from '../../model.ts';
import { areaMark, armClass, type LegendEntry, lineMark } from './legend.ts';
import { hint, tag, text, widthOf } from './svg.ts';
import type { TimelineLayout } from './timeline-layout.ts';

const shades = { steady: 'faint', 'read-saturation': 'light', 'write-saturation': 'mid' } as const;

/**
 * What lies behind all rows of a timeline: each arm's colour behind its slices, a strip on top that says of
 * which kind they are, the arm's name above and the block's number below, and what was broken on purpose.
 * `faults`: of each slice, by its index.
 */
export function timelineGround(
  timeline: Timeline,
  layout: TimelineLayout,
  arms: readonly string[],
  names: readonly string[],
  faults: readonly (readonly FaultWindow[])[],
  top: number,
  bottom: number,
): string {
  const windows = faults.flatMap((own, slice) =>
    own.map(({ fault, nodes, fromMs, toMs }) => {
      const [from, to] = [fromMs, toMs ?? timeline.slices[slice]?.durationMs ?? fromMs].map((ms) =>
        layout.x(slice, ms),
      );
      return tag(
        'g',
        {},
        hint(`${fault} on ${nodes.join(', ')}`),
        tag('rect', {
          ...{ x: from ?? 0, y: top + 20, width: Math.max(1, (to ?? 0) - (from ?? 0)) },
          ...{ height: bottom - top - 20, class: 'fault' },
        }),
      );
    }),
  );
  const visits = layout.visits.map(({ arm, block, from, to, slices, startMs }) => {
    const number = arms.indexOf(arm);
    const name = names[number] ?? '';
    return tag(
      'g',
      { class: armClass(number) },
      hint(`${arm}, block ${block}, from ${(startMs / 1000).toFixed(0)} s after the start of the run`),
      tag('rect', { x: from, y: top + 12, width: to - from, height: bottom - top - 12, class: 'faint' }),
      ...slices.map((slice) => {
        const { from: x, to: end } = layout.spans[slice] ?? { from, to };
        const kind = timeline.slices[slice]?.kind ?? 'steady';
        return tag('rect', { x, y: top + 12, width: end - x, height: 8, class: shadeOf(kind) });
      }),
      name === '' ? '' : text((from + to) / 2, top + 7, name, { class: 'middle small' }),
    );
  });
  return [
    ...visits,
    ...windows,
    ...blockNumbers(layout, bottom + 14),
    text(0, bottom + 14, 'block', { class: 'muted small' }),
  ].join('');
}

export function timelineKeys(
  arms: readonly string[],
  names: readonly string[],
  hasFaults: boolean,
): readonly LegendEntry[] {
  return [
    ...arms.map((arm, index) => {
      const short = names[index] ?? '';
      return {
        label: short === '' || short === arm ? arm : `${short} = ${arm}`,
        mark: lineMark(index, 'line'),
      };
    }),
    ...Object.entries(shades).map(([kind, shade]) => ({ label: kind, mark: areaMark(null, shade) })),
    ...(hasFaults ? [{ label: 'fault', mark: areaMark(null, 'fault') }] : []),
  ];
}

/** What fits above every visit: the arms' names, else their first letters if these differ, else nothing. */
export function shortNames(arms: readonly string[], { visits }: TimelineLayout): readonly string[] {
  const room = Math.min(...visits.map(({ from, to }) => to - from)) + 4;
  const letters = arms.map((name) => name.slice(0, 1));
  const fitting = [arms, letters].find(
    (names) => new Set(names).size === arms.length && names.every((name) => widthOf(name, 11) <= room),
  );
  return fitting ?? arms.map(() => '');
}

function shadeOf(kind: string): string {
  return kind in shades ? shades[kind as keyof typeof shades] : 'faint';
}

function blockNumbers({ blocks }: TimelineLayout, y: number): readonly string[] {
  let last = Number.NEGATIVE_INFINITY;
  return blocks.flatMap(({ block, from, to }) => {
    const x = (from + to) / 2;
    if (x - last < 20) return [];
    last = x;
    return [text(x, y, String(block), { class: 'middle muted small' })];
  });
}
