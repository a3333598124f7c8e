import type { LinkState, ProxyTarget } from './proxy.ts';

export type ToLinks =
  | { readonly type: 'open'; readonly id: number; readonly targets: Readonly<Record<string, ProxyTarget>> }
  | { readonly type: 'set'; readonly id: number; readonly link: string; readonly state: LinkState };

export type FromLinks =
  /** `ports`: of the links that were opened. */
  | { readonly type: 'done'; readonly id: number; readonly ports: Readonly<Record<string, number>> }
  | { readonly type: 'failed'; readonly id: number; readonly reason: string };
