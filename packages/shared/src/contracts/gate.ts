import { z } from 'zod';
import { releaseIdSchema } from './release.ts';

export const GATE_CHECKS = [
  'enough-rows',
  'alarm-rate',
  'calibration',
  'separation',
  'labelled-separation',
  'latency',
  'onnx-parity',
  'batch-parity',
  'additivity-forest',
  'additivity-combined',
] as const;

/** One thing that a challenger has to be good at. */
export const gateCheckSchema = z.object({
  check: z.enum(GATE_CHECKS),
  passed: z.boolean().describe('true also where there is too little to judge by: because says so'),
  challenger: z.number().nullable(),
  champion: z.number().nullable().describe('The same of the release that serves; null where it does not matter'),
  limit: z.number().nullable().describe('What the challenger had to reach or stay below'),
  because: z.string(),
});
export type GateCheck = z.infer<typeof gateCheckSchema>;

/** Whether a challenger is fit to serve, judged on rows that it was not trained on. Kept, whatever it says. */
export const gateReportSchema = z.object({
  challenger: releaseIdSchema,
  champion: releaseIdSchema,
  passed: z.boolean(),
  checks: z.array(gateCheckSchema),
  rows: z.int(),
  fromTs: z.int().nullable(),
  toTs: z.int().nullable(),
  at: z.iso.datetime(),
});
export type GateReport = z.infer<typeof gateReportSchema>;
