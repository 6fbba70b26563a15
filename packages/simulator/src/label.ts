import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { z } from 'zod';

export const SCENARIOS = [
  'credential-stuffing',
  'scraping',
  'stolen-token',
  'shared-account',
  'channel-spam',
  'slow-bot',
] as const;

export const scenarioSchema = z.enum(SCENARIOS);
export type Scenario = z.infer<typeof scenarioSchema>;

/** What precision and recall are computed from: one record per attack, written beside the events. */
export const labelSchema = z.object({
  id: z.string().describe('Number of the attack in its run'),
  scenario: scenarioSchema,
  users: z.array(z.string()).min(1).describe('Users whose features the attack moves'),
  touchedUsers: z
    .array(z.string())
    .describe('Users it reached too lightly to move a feature: neither hits nor false alarms'),
  ips: z.array(z.string()).min(1).describe('Addresses that only this attack uses'),
  fromMs: z.int().describe('Event time before which the attack did nothing, ms since the epoch'),
  toMs: z.int().describe('Event time after which it did nothing'),
  features: z.array(z.enum(FEATURE_NAMES)).min(1).describe('Features that it moves away from what is normal'),
});
export type Label = z.infer<typeof labelSchema>;
