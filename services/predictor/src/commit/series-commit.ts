import { type DeadLetter, deadLetterArguments } from '@liminal/shared/adapters/dead-letters';
import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import {
  anomaliesKey,
  deadLetterKey,
  fenceKey,
  neededFromKey,
  seriesDetectorKey,
  seriesPointsKey,
  watchKey,
} from '@liminal/shared/contracts/keys';
import type { ScoredPoint } from '@liminal/shared/contracts/series';
import { encodeSeriesAnomaly, type SeriesAnomalyRecord } from '@liminal/shared/contracts/series-anomaly';
import { encodePoint, pointOffset } from '@liminal/shared/contracts/series-points';
import type { Redis } from 'ioredis';

const commitScript = new LuaScript(new URL('./series-commit.lua', import.meta.url));

/** What is to be stored of one series. */
export interface SeriesWrite {
  name: string;
  points: readonly ScoredPoint[];
  /** State of its detector, where it is due. */
  detector: Buffer | undefined;
}

export interface SeriesCommit {
  fence: number;
  /** How many commits there were before. */
  commits: number;
  state: Buffer;
  list: Buffer;
  /** By partition: id of the last entry of its series stream that is done with. */
  cursors: readonly string[];
  series: readonly SeriesWrite[];
  /** Names of series that are given up; one of them may have begun anew and be among those to be stored. */
  removed: readonly string[];
  anomalies: readonly SeriesAnomalyRecord[];
  deadLetters: readonly DeadLetter[];
}

/** Writes a commit whole or not at all. Throws `LeaseLostError` when another instance watches the platform. */
export async function writeSeriesCommit(redis: Redis, commit: SeriesCommit): Promise<void> {
  const { cursors, series, removed, anomalies } = commit;
  const keys = [
    fenceKey('series-watch', 0),
    watchKey,
    anomaliesKey,
    deadLetterKey('series'),
    ...cursors.map((_, partition) => neededFromKey('series', partition)),
  ];
  for (const name of removed) keys.push(seriesPointsKey(name), seriesDetectorKey(name));
  const writes: (string | number | Buffer)[] = [];
  for (const { name, points, detector } of series) {
    for (const run of consecutive(points)) {
      keys.push(seriesPointsKey(name));
      writes.push(pointOffset(run[0]!.minute), Buffer.concat(run.map(encodePoint)));
    }
    if (detector === undefined) continue;
    keys.push(seriesDetectorKey(name));
    writes.push('', detector);
  }
  const reply = await commitScript.run(redis, keys, [
    commit.fence,
    commit.commits,
    cursors.length,
    ...cursors,
    commit.state,
    commit.list,
    ...deadLetterArguments(commit.deadLetters),
    anomalies.length,
    ...anomalies.map(encodeSeriesAnomaly),
    writes.length / 2,
    ...writes,
  ]);
  if (reply !== 1) throw new LeaseLostError(0);
}

/** Runs of points that lie side by side in the ring. */
function consecutive(points: readonly ScoredPoint[]): ScoredPoint[][] {
  const runs: ScoredPoint[][] = [];
  for (const point of points) {
    const run = runs.at(-1);
    const before = run?.at(-1)?.minute;
    const isNext = before !== undefined && point.minute === before + 1 && pointOffset(point.minute) !== 0;
    if (run !== undefined && isNext) run.push(point);
    else runs.push([point]);
  }
  return runs;
}
