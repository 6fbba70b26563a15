/** Declared metrics that no dashboard and no rule asks for, and why not. */
export const UNUSED_METRICS: Readonly<Record<string, string>> = {};
