import { join } from 'node:path';

/** The public data sets that tests and benchmarks read: `LIMINAL_DATA_DIR`, or what lies beside the repository. */
export const DATA_SETS = process.env.LIMINAL_DATA_DIR ?? join(import.meta.dirname, '../../../../../shared/data');
