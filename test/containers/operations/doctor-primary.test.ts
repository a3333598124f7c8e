/** What doctor mends on the primary, and a replica that has to be rebuilt. */
import { primaryDoctorCases } from './doctor-cases.ts';
import { describeOperatedStack } from './operated-stack.ts';

describeOperatedStack(primaryDoctorCases);
