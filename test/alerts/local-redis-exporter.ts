import { MonitoringProcess } from './monitoring-process.ts';

/** The real redis_exporter of a Redis. */
export function startRedisExporter(program: string, redisUrl: string): Promise<MonitoringProcess> {
  return MonitoringProcess.start(
    async (_, port) => ({ program, args: [`-redis.addr=${redisUrl}`, `-web.listen-address=127.0.0.1:${port}`] }),
    '/metrics',
  );
}
