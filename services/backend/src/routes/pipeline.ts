import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Reader, readPipeline } from '../queries/pipeline.ts';

const count = z.int().min(0);

const readerSchema = z.object({
  taken: count.describe('Events, vectors or predictions taken since the beginning'),
  waiting: count,
  oldestWaitingSeconds: count.nullable().describe('Age of the oldest entry that waits; null = none waits'),
  moving: z.boolean().describe('Nothing waits for longer than it should'),
});

const pipelineSchema = z.object({
  events: z.object({ accepted: count, folded: count, lag: count }),
  vectors: z.object({ emitted: count, scored: count, lag: count }),
  predictions: z.object({ made: count, archived: count, lag: count }),
  anomalies: z.object({ inStream: count }),
  partitions: z.array(z.object({ partition: count, accepted: count, folded: count, lag: count })),
  readers: z.object({ 'feature-extractor': readerSchema, predictor: readerSchema, kenning: readerSchema }),
});

export function addPipelineRoutes(http: HttpServer, redis: Redis, partitions: number): void {
  http.get(
    '/ml/metrics',
    {
      schema: {
        tags: ['pipeline'],
        summary: 'How far everything is on its way from event to archived prediction',
        response: { 200: pipelineSchema },
      },
    },
    async () => {
      const pipeline = await readPipeline(redis, partitions);
      const { 'feature-extractor': extractor, predictor, kenning } = pipeline.readers;
      return {
        events: { accepted: extractor.taken + extractor.waiting, folded: extractor.taken, lag: extractor.waiting },
        vectors: { emitted: pipeline.vectorsEmitted, scored: predictor.taken, lag: predictor.waiting },
        predictions: { made: predictor.taken, archived: kenning.taken, lag: kenning.waiting },
        anomalies: { inStream: pipeline.anomaliesInStream },
        partitions: pipeline.partitions,
        readers: {
          'feature-extractor': toJson(extractor),
          predictor: toJson(predictor),
          kenning: toJson(kenning),
        },
      };
    },
  );
}

const toJson = ({ isMoving, ...reader }: Reader): z.infer<typeof readerSchema> => ({ ...reader, moving: isMoving });
