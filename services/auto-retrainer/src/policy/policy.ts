/** What the rules look at. */
export interface Situation {
  /** The release that serves, if any. */
  production: { release: string; provisional: boolean } | undefined;
  /** What is archived for training. */
  rows: number;
  users: number;
  /** Whether a training waits or runs already. */
  isTraining: boolean;
}

export interface Limits {
  bootstrapMinRows: number;
  bootstrapMinUsers: number;
}

export type Decision =
  | { action: 'train'; reason: 'bootstrap'; because: string }
  | { action: 'wait'; reason: 'not-needed' | 'training' | 'too-few-rows' | 'too-few-users'; because: string };

/**
 * When to train, as a pure function. For now the bootstrap rule alone: the first release of this platform's own data
 * replaces the factory release once there are enough rows of enough users.
 */
export function decide(situation: Situation, limits: Limits): Decision {
  const { production, rows, users, isTraining } = situation;
  if (production !== undefined && !production.provisional) {
    return { action: 'wait', reason: 'not-needed', because: `release ${production.release} was trained on own data` };
  }
  if (isTraining) return { action: 'wait', reason: 'training', because: 'a training waits or runs already' };
  if (rows < limits.bootstrapMinRows) {
    return { action: 'wait', reason: 'too-few-rows', because: `${rows} of ${limits.bootstrapMinRows} rows` };
  }
  if (users < limits.bootstrapMinUsers) {
    return {
      action: 'wait',
      reason: 'too-few-users',
      because: `rows of ${users} of ${limits.bootstrapMinUsers} users`,
    };
  }
  return { action: 'train', reason: 'bootstrap', because: `${rows} rows of ${users} users are enough to start with` };
}
