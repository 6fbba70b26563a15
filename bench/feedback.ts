import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureFeedback, SEEDS, USERS } from './feedback/measure.ts';
import { feedbackMarkdown } from './feedback/report.ts';

export const name = 'feedback: alarms of a nightly export before and after it was judged, and attacks found';

/** `FEEDBACK_WRITE=1` writes docs/feedback.md. Fails where a promise of the feedback does not hold. */
export async function run(): Promise<void> {
  console.log(`${SEEDS.length} runs of three days, ${USERS} users, some of them with an export every night`);
  const { nights, detection, victims, others } = await measureFeedback();
  for (const table of [nights, detection, victims, others]) console.table(table.rows);
  if (process.env.FEEDBACK_WRITE === '1') {
    writeFileSync(
      join(import.meta.dirname, '../docs/feedback.md'),
      feedbackMarkdown({ nights: nights.rows, detection: detection.rows, victims: victims.rows, others: others.rows }),
    );
  }
  const problems = [nights, detection].flatMap(({ problems: found }) => found);
  if (problems.length > 0) throw new Error(problems.join('; '));
}

if (import.meta.main) await run();
