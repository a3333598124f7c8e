/** The runbooks, by hand. */
import { describeOperatedStack } from './operated-stack.ts';
import { runbookCases } from './runbook-cases.ts';

describeOperatedStack(runbookCases);
