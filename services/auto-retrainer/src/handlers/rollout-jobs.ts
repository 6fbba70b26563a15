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
import { isComparedMeanwhile, type JobFact, type Phase, type Rollout, type RolloutFacts } from '../rollout/rollout.ts';

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

  /** How the job of the current phase goes. `production`: what serves. */
  async facts(rollout: Rollout, production: string | null): Promise<JobFacts> {
    const { training, releases } = this.#options;
    const id = jobId(rollout, production);
    switch (rollout.phase) {
      case 'training':
        return { training: await factOf<TrainReleaseResult>(await training.getJob(id), trainReleaseResultSchema) };
      case 'gating':
        return { gate: await gateFact(await training.getJob(id)) };
      case 'watching':
        return isComparedMeanwhile(rollout) ? { gate: await gateFact(await training.getJob(id)) } : {};
      default:
        return { move: await moveFact(await releases.getJob(id), rollout) };
    }
  }

  /** Asks for what the current phase needs, unless that was done. */
  async ensure(rollout: Rollout, production: string | null): Promise<void> {
    const { training, releases, anomalyAlertRate, holdOutShare } = this.#options;
    const id = jobId(rollout, production);
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
        if (move === undefined) return;
        const known = await releases.getJob(id);
        if (known === undefined) await releases.add(MOVE_POINTER, move, { jobId: id });
        else if (await isToBeRetried(known, rollout)) await known.retry('failed', { resetAttemptsMade: true });
      }
    }
  }
}

/** The shadow is cleared by showing what serves: when that changes meanwhile, it is another job. */
const jobId = ({ id, phase }: Rollout, production: string | null): string =>
  phase === 'clearing' ? `${id}-${phase}-${production}` : `${id}-${phase}`;

/** What has to come to its end, however long the store is away: what is bad must not serve on, nor score on as a shadow. */
const INSISTED_ON: readonly Phase[] = ['rolling-back', 'clearing'];

/** Whether it was given up for lack of an answer. A job that can't be done, as for a release that is not whole, ends early. */
async function isToBeRetried(job: Job, { phase }: Rollout): Promise<boolean> {
  return INSISTED_ON.includes(phase) && (await job.isFailed()) && job.attemptsMade >= (job.opts.attempts ?? 1);
}

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
  // Whatever serves by then: a promotion that was asked for before may still come first.
  const isAskedFor = rollout.skips === 'everything';
  const expecting = (release: string | null) => (release === null || isAskedFor ? {} : { expected: release });
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

const moveFact = async (job: Job | undefined, rollout: Rollout): Promise<JobFact<MovePointerResult>> =>
  job !== undefined && (await isToBeRetried(job, rollout))
    ? { state: 'pending' }
    : factOf<MovePointerResult>(job, movePointerResultSchema);

const gateFact = (job: Job | undefined): Promise<JobFact<GateReport>> => factOf<GateReport>(job, gateReportSchema);

async function factOf<Result>(job: Job | undefined, schema: z.ZodType): Promise<JobFact<Result>> {
  if (job === undefined) return { state: 'absent' };
  const state = await job.getState();
  if (state === 'failed') return { state: 'failed', error: job.failedReason };
  if (state !== 'completed') return { state: 'pending' };
  return { state: 'done', result: schema.parse(job.returnvalue) as Result };
}
