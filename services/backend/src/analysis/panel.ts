import type { Answer } from './providers/answer.ts';

export interface PanelMember {
  readonly name: string;
}

export interface Asked<Member extends PanelMember> {
  member: Member;
  answer: Answer;
  /** Whose place it took; undefined = it was asked first. */
  insteadOf: string | undefined;
}

/**
 * Asks the first `size` members at once. Whoever gives no verdict that counts is replaced by the next one that has not been
 * asked, as long as there is one. Answers come in the order of the members, whoever is the quickest.
 */
export async function askPanel<Member extends PanelMember>(
  members: readonly Member[],
  size: number,
  ask: (member: Member) => Promise<Answer>,
): Promise<Asked<Member>[]> {
  const waiting = members.slice(size);
  const asked: Asked<Member>[] = [];
  const seat = async (member: Member, insteadOf?: string): Promise<void> => {
    const answer = await ask(member);
    asked.push({ member, answer, insteadOf });
    const next = counts(answer) ? undefined : waiting.shift();
    if (next !== undefined) await seat(next, member.name);
  };
  await Promise.all(members.slice(0, size).map((member) => seat(member)));
  return asked.sort((left, right) => members.indexOf(left.member) - members.indexOf(right.member));
}

/** A verdict whose evidence exists. */
export const counts = (answer: Answer): answer is Extract<Answer, { result: 'answered' }> =>
  answer.result === 'answered' && answer.invented.length === 0;
