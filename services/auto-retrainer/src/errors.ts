import type { ErrorCatalogue } from '@liminal/shared/runtime/errors';

/** This service has no errors of its own yet: its answers are facts, and a rule that can't be looked at is logged. */
export const ERRORS = {} satisfies ErrorCatalogue;
