/** Tests that need a Docker engine say so when there is none, instead of failing or passing. */
import { describe } from 'vitest';
import { engineAnswers } from '../../../bench/topology/docker/engine.ts';

const reason = (await engineAnswers()) ? '' : ' (skipped: no Docker engine)';

/** `describe` for what runs in containers. */
export function describeWithEngine(title: string, body: () => void): void {
  describe.skipIf(reason !== '')(`${title}${reason}`, body);
}
