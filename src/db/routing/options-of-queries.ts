/** What queries and transactions may say for themselves, in Sequelize's own types. */
import type {} from 'sequelize';

declare module 'sequelize' {
  interface Poolable {
    /** Class of reads, by its name in the policy; `default` without. */
    readClass?: string;
  }

  interface TransactionOptions {
    /** A read-only transaction, too, runs on the primary. */
    useMaster?: boolean;
    readClass?: string;
  }
}
