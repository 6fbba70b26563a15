import type { ReleasesQueue } from '@liminal/shared/adapters/releases-queue';
import { requestTraining, type TrainingQueue } from '@liminal/shared/adapters/training-queue';
import { type GateReport, gateReportSchema } from '@liminal/shared/contracts/gate';
import {
  GATE_RELEASE,
  type GateReleaseJob,
  type TrainReleaseResult,
  trainReleaseResultSchema,
} from '@liminal/shared/contracts/jobs';
import {
  MOVE_POINTER,
  type MovePointerJob,
  type MovePointerResult,
  movePointerResultSchema,
} from '@liminal/shared/contracts/release-moves';
import type { Job } from 'bullmq';
import type { z } from 'zod';
import { isComparedMeanwhile, type JobFact, type Rollout, type RolloutFacts } from '../rollout/rollout.ts';

const REQUESTED_BY = 'auto-retrainer';
const MOST_REASON = 1_000;

export interface RolloutJobsOptions {
  training: TrainingQueue;
  releases: ReleasesQueue;
  anomalyAlertRate: number;
  holdOutShare: number;
}

export type JobFacts = Pick<RolloutFacts, 'training' | 'gate' | 'move'>;

/**
 * What a rollout has others do: jobs of kenning, each with an id that follows from rollout and phase, so that asking
 * again, after a crash or from another replica, adds nothing.
 */
export class RolloutJobs {
  readonly #options: RolloutJobsOptions;

  constructor(options: RolloutJobsOptions) {
    this.#options = options;
  }

  /** How the job of the current phase goes. */
  async facts(rollout: Rollout): Promise<JobFacts> {
    const { training, releases } = this.#options;
    const id = jobId(rollout);
    switch (rollout.phase) {
      case 'training':
        return { training: await factOf<TrainReleaseResult>(await training.getJob(id), trainReleaseResultSchema) };
      case 'gating':
        return { gate: await gateFact(await training.getJob(id)) };
      case 'watching':
        return isComparedMeanwhile(rollout) ? { gate: await gateFact(await training.getJob(id)) } : {};
      default:
        return { move: await factOf<MovePointerResult>(await releases.getJob(id), movePointerResultSchema) };
    }
  }

  /** Asks for what the current phase needs, unless that was done. */
  async ensure(rollout: Rollout, production: string | null): Promise<void> {
    const { training, releases, anomalyAlertRate, holdOutShare } = this.#options;
    const id = jobId(rollout);
    switch (rollout.phase) {
      case 'training': {
        const promote = rollout.skips === 'everything';
        const { reason, requestedBy, rows } = rollout;
        const holdOut = promote ? {} : { holdOutShare };
        await requestTraining(training, { reason, requestedBy, promote, ...rows, ...holdOut }, id);
        return;
      }
      case 'gating':
        await training.add(GATE_RELEASE, gateJobOf(rollout, anomalyAlertRate), { jobId: id });
        return;
      case 'watching':
        if (!isComparedMeanwhile(rollout)) return;
        await training.add(GATE_RELEASE, gateJobOf(rollout, anomalyAlertRate), { jobId: id });
        return;
      default: {
        const move = moveOf(rollout, production);
        if (move !== undefined) await releases.add(MOVE_POINTER, move, { jobId: id });
      }
    }
  }
}

const jobId = ({ id, phase }: Rollout): string => `${id}-${phase}`;

const NO_ROWS = { rows: 0, fromTs: 0, toTs: 0 };

const gateJobOf = ({ challenger, champion, holdOut, requestedBy }: Rollout, alertRate: number): GateReleaseJob => ({
  requestedBy,
  challenger: challenger!,
  champion: champion!,
  holdOut: holdOut ?? NO_ROWS,
  alertRate,
});

function moveOf(rollout: Rollout, production: string | null): MovePointerJob | undefined {
  const { phase, challenger, champion, reason, because } = rollout;
  const why = (text: string): string => `${reason}: ${text}`.slice(0, MOST_REASON);
  const last = rollout.steps.at(-1)!.because;
  const requestedBy = REQUESTED_BY;
  const expecting = (release: string | null) => (release === null ? {} : { expected: release });
  if (phase === 'shadowing') {
    return { pointer: 'shadow', action: 'shadow', release: challenger!, reason: why(because), requestedBy };
  }
  if (phase === 'promoting') {
    const text = why(`${because}; ${last}`);
    return {
      pointer: 'production',
      action: 'promote',
      release: challenger!,
      ...expecting(champion),
      reason: text,
      requestedBy,
    };
  }
  if (phase === 'rolling-back') {
    const text = why(last);
    return {
      pointer: 'production',
      action: 'rollback',
      release: champion!,
      ...expecting(challenger),
      reason: text,
      requestedBy,
    };
  }
  if (production === null) return undefined;
  return {
    pointer: 'shadow',
    action: 'shadow',
    release: production,
    reason: why(`${rollout.outcome}: ${last}`),
    requestedBy,
  };
}

const gateFact = (job: Job | undefined): Promise<JobFact<GateReport>> => factOf<GateReport>(job, gateReportSchema);

async function factOf<Result>(job: Job | undefined, schema: z.ZodType): Promise<JobFact<Result>> {
  if (job === undefined) return { state: 'absent' };
  const state = await job.getState();
  if (state === 'failed') return { state: 'failed', error: job.failedReason };
  if (state !== 'completed') return { state: 'pending' };
  return { state: 'done', result: schema.parse(job.returnvalue) as Result };
}
