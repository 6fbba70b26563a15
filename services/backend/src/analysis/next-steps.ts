import type { Category } from './verdict.ts';

/** What the rules advise for each category, the first first. */
export const NEXT_STEPS: Record<Category, string[]> = {
  'credential-stuffing': [
    'Look whether an attempt worked; if so, end all sessions and have the password changed.',
    'Slow down or challenge sign-ins from the addresses that try.',
    'Look for other accounts that the same addresses tried.',
  ],
  scraping: [
    'Limit the rate of the account, or of the client.',
    'Look at what was read, and whether the account is known to run a program.',
  ],
  'stolen-token': [
    'Revoke the token and end the session; let the owner sign in again.',
    'Look at what the other client did with it.',
    'Ask the owner which addresses are known.',
  ],
  'shared-account': [
    'Ask the owner whether the account is shared on purpose.',
    'Look whether tokens were copied; revoke those that were.',
  ],
  'channel-spam': [
    'Mute the account, and remove what it posted.',
    'Look whether the account was taken over: the sign-in before, its address and client.',
  ],
  'slow-bot': [
    'Ask the owner whether a program uses the account; if it is known, judge the anomaly as expected.',
    'Look at what it asks for.',
  ],
  'busy-user': ['Nothing to act on: judge the anomaly as a false alarm if the person is known.'],
  'changed-network': ['Nothing to act on: judge the anomaly as a false alarm if the person confirms the addresses.'],
  'unusual-rhythm': ['Nothing to act on alone: look again if other features join.'],
  'load-surge': ['Look what is asked for, and by whom; look at the anomalies of users in the same minutes.'],
  'load-drop': ['Look whether the platform can be reached, and whether its events arrive.'],
  degradation: ['Look at deployments, dependencies and logs of the same minutes.'],
  unknown: ['Look at the features with the largest shares, and at the history of the user.'],
};
