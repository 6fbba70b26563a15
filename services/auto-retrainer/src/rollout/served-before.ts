import type { ReleasePointer } from '@liminal/shared/contracts/release';

/** What to go back to when nobody names it; null where nothing served before, or where what did was taken back. */
export const servedBefore = ({ previous, action }: ReleasePointer): string | null =>
  action === 'rollback' ? null : previous;
