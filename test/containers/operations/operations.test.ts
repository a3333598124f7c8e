/** verify, status and doctor against one stack in containers. */
import { doctorCases } from './doctor-cases.ts';
import { describeOperatedStack } from './operated-stack.ts';
import { verifyCases } from './verify-cases.ts';

describeOperatedStack(verifyCases, doctorCases);
