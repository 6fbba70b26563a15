import { dashboard, row } from './dashboard.ts';
import { above, below, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { graph, stat, table, timeline } from './panels.ts';
import { perSecond } from './queries.ts';
import { SERVICE } from './variables.ts';

const MEGABYTES = 2 ** 20;
const OF_SERVICE = '{job=~"$service"}';
const worst = (metric: string): string => `max by (job) (${metric}${OF_SERVICE})`;

export const infrastructure = () =>
  dashboard('infrastructure', {
    description: 'What everything runs on: the processes of the services, Redis, and Prometheus itself.',
    variables: [SERVICE],
    rows: [
      row(
        'Processes',
        [
          timeline('Up', {
            description: 'Whether Prometheus got an answer, for each replica.',
            unit: 'short',
            queries: { '{{job}} {{instance}}': 'up{job=~"$service"}' },
            states: { 0: { text: 'down', color: 'red' }, 1: { text: 'up', color: 'green' } },
            limits: below(1),
            links: [runbook('LiminalReplicaDown'), next('overview')],
          }),
          timeline('Ready', {
            description:
              'Whether each service has what it needs of each kind. Not ready for a moment at the start is normal.',
            unit: 'short',
            queries: {
              '{{job}}: {{dependency}}': 'min by (job, dependency) (liminal_dependency_ready_ratio{job=~"$service"})',
            },
            states: { 0: { text: 'lacking', color: 'red' }, 1: { text: 'ready', color: 'green' } },
            limits: below(1),
            links: [runbook('LiminalServiceNotReady'), next('overview')],
            width: 16,
          }),
          table('Versions', {
            description: 'What runs, by service. Two versions of one service: an upgrade that is not through.',
            unit: 'short',
            queries: { builds: 'count by (service, version, node) (liminal_build_info{job=~"$service"})' },
            columns: { service: 'service', version: 'version', node: 'Node' },
            limits: NO_LIMIT,
            links: [next('overview')],
            whenEmpty: 'unknown',
            width: 8,
          }),
          graph('CPU', {
            description:
              'Cores that each service uses, all replicas together. JavaScript runs on one core a process; training and inference may use more.',
            unit: 'short',
            min: 0,
            queries: { '{{job}}': perSecond(`process_cpu_seconds_total${OF_SERVICE}`, 'job') },
            limits: above(0.9, 1.8),
            links: [next('pipeline')],
          }),
          graph('Resident memory', {
            description:
              'RAM of the largest replica of each service. Containers are stopped at their limit (512 MB, kenning 2 GB, unless set).',
            unit: 'bytes',
            min: 0,
            queries: { '{{job}}': worst('process_resident_memory_bytes') },
            limits: above(450 * MEGABYTES, 1800 * MEGABYTES),
            links: [runbook('LiminalServiceRestarting'), next('models')],
          }),
          graph('Event loop lag, p99', {
            description:
              'How long callbacks wait for their turn. Above 20 ms something blocks the loop, and requests wait with it. The resolution is 10 ms: idle services show about 11 ms.',
            unit: 's',
            min: 0,
            queries: { '{{job}}': worst('nodejs_eventloop_lag_p99_seconds') },
            limits: above(0.05, 0.2),
            links: [next('http')],
          }),
          graph('Heap in use', {
            description:
              'Of the largest replica of each service. A saw-tooth is healthy; a floor that rises for hours is a leak.',
            unit: 'bytes',
            min: 0,
            queries: { '{{job}}': worst('nodejs_heap_size_used_bytes') },
            limits: above(400 * MEGABYTES),
            links: [next('models')],
          }),
          graph('Garbage collection', {
            description: 'Share of the time that is spent collecting garbage.',
            unit: 'percentunit',
            min: 0,
            queries: { '{{job}}': perSecond(`nodejs_gc_duration_seconds_sum${OF_SERVICE}`, 'job') },
            limits: above(0.05, 0.2),
            links: [next('pipeline')],
          }),
          graph('Memory outside of the heap', {
            description: 'Buffers and native memory that V8 knows of. ONNX Runtime has more: resident memory shows it.',
            unit: 'bytes',
            min: 0,
            queries: { '{{job}}': worst('nodejs_external_memory_bytes') },
            limits: above(200 * MEGABYTES),
            links: [next('models')],
          }),
          graph('Open files', {
            description:
              'Share of the file descriptors that a process may have: sockets, files. It should not grow for hours.',
            unit: 'percentunit',
            min: 0,
            queries: { '{{job}}': `max by (job) (process_open_fds${OF_SERVICE} / process_max_fds${OF_SERVICE})` },
            limits: above(0.5, 0.8),
            links: [next('http')],
          }),
          stat('Running for', {
            description:
              'Time since the youngest replica of each service started. Short and unplanned: look at its log for why it ended.',
            unit: 's',
            decimals: 0,
            queries: { '{{job}}': `time() - max by (job) (process_start_time_seconds${OF_SERVICE})` },
            limits: below(300),
            links: [runbook('LiminalServiceRestarting'), next('overview')],
          }),
        ],
        3,
      ),
      row(
        'Redis',
        [
          graph('Memory', {
            description:
              'Used by Redis for data, and what the process takes of the RAM. Resident far above used: fragments, or an append-only file that is being rewritten.',
            unit: 'bytes',
            min: 0,
            queries: { used: 'max(redis_memory_used_bytes)', resident: 'max(redis_memory_used_rss_bytes)' },
            limits: NO_LIMIT,
            links: [runbook('LiminalRedisMemory'), next('pipeline')],
          }),
          graph('Share of the memory', {
            description:
              'Of maxmemory, or where that is not set, of what Redis was given. Nothing is ever evicted: at 100%, events are refused.',
            unit: 'percentunit',
            min: 0,
            max: 1,
            queries: {
              used: 'liminal:redis_memory:used_ratio',
              'threshold, {{severity}}': 'liminal:threshold:redis_memory_ratio',
            },
            limits: NO_LIMIT,
            links: [runbook('LiminalRedisMemory'), next('pipeline')],
          }),
          timeline('Health', {
            description:
              'Whether Redis answers its exporter, and whether the last write to its append-only file succeeded.',
            unit: 'short',
            queries: { answers: 'min(redis_up)', 'writes its file': 'min(redis_aof_last_write_status)' },
            states: { 0: { text: 'no', color: 'red' }, 1: { text: 'yes', color: 'green' } },
            limits: below(1),
            links: [runbook('LiminalRedisDown'), next('pipeline')],
          }),
          graph('Commands per second', {
            description: 'Commands that Redis has run. One script of the services counts with all the commands in it.',
            unit: 'ops',
            min: 0,
            queries: { commands: perSecond('redis_commands_processed_total') },
            limits: NO_LIMIT,
            links: [next('pipeline')],
          }),
          graph('Clients', {
            description: 'Connected clients, and those that wait for a stream or a queue, which is normal for readers.',
            unit: 'short',
            min: 0,
            queries: { connected: 'max(redis_connected_clients)', waiting: 'max(redis_blocked_clients)' },
            limits: above(500, 5000),
            links: [next('http')],
          }),
          graph('Evicted keys and refused connections', {
            description:
              'Keys thrown away for want of memory, and connections refused, within the window. Any evicted key is lost data: maxmemory-policy has to be noeviction.',
            unit: 'short',
            min: 0,
            queries: {
              evicted: 'sum(increase(redis_evicted_keys_total[$__rate_interval]))',
              refused: 'sum(increase(redis_rejected_connections_total[$__rate_interval]))',
            },
            limits: above(1),
            links: [runbook('LiminalRedisEvictions'), next('pipeline')],
          }),
          graph('Keys', {
            description:
              'Keys in each database: user states, newest predictions and streams. It follows the number of users known within 24 h.',
            unit: 'short',
            min: 0,
            queries: { '{{db}}': 'max by (db) (redis_db_keys > 0)' },
            limits: NO_LIMIT,
            links: [next('anomalies')],
          }),
          graph('Append-only file', {
            description:
              'Size of the file that makes accepted events survive a crash of Redis. It is rewritten when it has doubled.',
            unit: 'bytes',
            min: 0,
            queries: { size: 'max(redis_aof_current_size_bytes)' },
            limits: above(4 * 1024 * MEGABYTES),
            links: [runbook('LiminalRedisNotDurable'), next('pipeline')],
            whenEmpty: 'not kept',
          }),
        ],
        4,
      ),
      row('Prometheus', [
        graph('Series of each target', {
          description: 'Samples of one scrape, by job. Labels are bounded: it settles, whatever the traffic is.',
          unit: 'short',
          min: 0,
          queries: { '{{job}}': 'sum by (job) (scrape_samples_scraped)' },
          limits: above(5_000, 20_000),
          links: [next('http')],
        }),
        graph('Time of a scrape', {
          description: 'The slowest target of each job. Prometheus gives up after 8 s.',
          unit: 's',
          min: 0,
          queries: { '{{job}}': 'max by (job) (scrape_duration_seconds)' },
          limits: above(1, 5),
          links: [next('http')],
        }),
        graph('Time of the slowest rules', {
          description: 'How long it takes to evaluate the alert and recording rules, by Prometheus itself.',
          unit: 's',
          min: 0,
          queries: { 'slowest group': 'max(prometheus_rule_group_last_duration_seconds)' },
          limits: above(1, 5),
          links: [runbook('LiminalMonitoringImpaired'), next('overview')],
          whenEmpty: 'no rules',
        }),
      ]),
    ],
  });
