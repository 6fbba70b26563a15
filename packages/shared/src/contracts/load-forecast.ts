import { z } from 'zod';

/** What may forecast the load of a user: the LSTM of a release, or the moving average of users without a whole history. */
export const FORECASTERS = ['lstm', 'ewma'] as const;
export type Forecaster = (typeof FORECASTERS)[number];

/** How many requests a user is expected to make in one minute. */
export interface LoadForecast {
  forecaster: Forecaster;
  /** Requests in the minute. */
  load: number;
  /** Ends of the 90% interval; NaN where the forecaster gives none. */
  lower: number;
  upper: number;
}

/** A forecast whose minute is over, beside what came of it. */
export interface CheckedForecast extends LoadForecast {
  /** Start of the minute, ms of event time. */
  minuteTs: number;
  /** Requests that came. */
  actual: number;
}

const requests = z.number();

export const forecastSchema = z.object({
  forecaster: z
    .enum(FORECASTERS)
    .describe('ewma: for users without a whole load history, and releases without an LSTM'),
  load: requests.describe('Requests in the minute: as many or fewer are as likely as more'),
  interval: z.tuple([requests, requests]).nullable().describe('Holds the load in 90% of such minutes; null for ewma'),
});

const minute = z.int().describe('Start of the minute that is forecast, ms since the epoch');

export const loadSchema = z.object({
  forecast: forecastSchema
    .extend({ minute })
    .nullable()
    .describe('For the minute of the vector; null before the first whole minute'),
  checked: forecastSchema
    .extend({ minute, actual: requests.describe('Requests that came') })
    .nullable()
    .describe('The newest forecast of this user whose minute is over, beside what came'),
});

/** As JSON shows it, which has no NaN. */
export function toForecast({ forecaster, load, lower, upper }: LoadForecast): z.infer<typeof forecastSchema> {
  return { forecaster, load, interval: Number.isNaN(lower) ? null : [lower, upper] };
}
