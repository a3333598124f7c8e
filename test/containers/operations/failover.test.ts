/** Failover: refused, forward and back ten times under writes, and with a dead primary. */
import { failoverCases, refusalCases } from './failover-cases.ts';
import { describeOperatedStack } from './operated-stack.ts';

describeOperatedStack(refusalCases, failoverCases);
