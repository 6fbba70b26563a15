import { z } from 'zod';
import { MAX_LENGTH } from './event.ts';
import { suppressionIdSchema, suppressionMatchSchema } from './suppression.ts';
import { UndecodableError } from './undecodable-error.ts';

/** By how much the alarm rate is lowered: the operator's rate stays the upper bound. */
export const LOWEST_GLOBAL_FACTOR = 1 / 4;
export const LOWEST_USER_FACTOR = 1 / 10;
/** Users whose rate may be lowered at once: those with the most false alarms come first. */
export const MAX_ADJUSTED_USERS = 1_000;

/**
 * What analysts have decided about alarms, as the predictor applies it: the backend writes it to `alarmPolicyKey`, and
 * every change has a higher revision. p-values do not depend on it.
 */
export const alarmPolicySchema = z.object({
  version: z.literal(1),
  revision: z.int().min(0),
  rules: z.array(suppressionMatchSchema.extend({ id: suppressionIdSchema })),
  thresholds: z.object({
    global: z.number().min(LOWEST_GLOBAL_FACTOR).max(1).describe('Times the alarm rate, for everybody'),
    users: z
      .array(z.tuple([z.string().min(1).max(MAX_LENGTH.user), z.number().min(LOWEST_USER_FACTOR).max(1)]))
      .max(MAX_ADJUSTED_USERS)
      .describe('Times the alarm rate, of single users: the smaller of both factors holds'),
  }),
});
export type AlarmPolicy = z.infer<typeof alarmPolicySchema>;

export const NO_POLICY: AlarmPolicy = {
  version: 1,
  revision: 0,
  rules: [],
  thresholds: { global: 1, users: [] },
};

/** Throws `UndecodableError` on anything else than this version of the suite writes. */
export function decodeAlarmPolicy(text: string): AlarmPolicy {
  try {
    return alarmPolicySchema.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error).replaceAll('\n', ' ') : String(error);
    throw new UndecodableError(`alarm policy is not of version 1: ${reason}`, { cause: error });
  }
}
