import { Packr } from 'msgpackr';
import { z } from 'zod';
import { unpackMsgpackAs } from './unpack-msgpack.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

/** Name under which a partition counts the groups that were too many for it. */
export const OTHER_GROUPS = '';

const count = z.number().min(0);
const minuteNumber = z.int();
const groupName = z.string();

const routeSchema = z.tuple([groupName, count, count, count, z.array(count)]);
const channelSchema = z.tuple([groupName, count, count]);
export const packedMinuteSchema = z.tuple([
  minuteNumber,
  count,
  count,
  count,
  count,
  z.array(routeSchema),
  z.array(channelSchema),
]);
const closedSchema = z.tuple([
  z.literal(FORMAT_VERSION),
  minuteNumber,
  minuteNumber,
  z.array(minuteNumber),
  z.array(packedMinuteSchema),
]);

export interface RouteCounts {
  group: string;
  requests: number;
  /** Answers with a 5xx status. */
  errors: number;
  /** Distinct users with a request. */
  users: number;
  /** Durations: bucket, count, bucket, count, … (platform-watch/duration-buckets.ts). */
  durations: number[];
}

export interface ChannelCounts {
  group: string;
  events: number;
  /** Distinct users with an event. */
  users: number;
}

/** What a partition saw of one minute of event time. */
export interface PartitionMinute {
  /** Minutes since the epoch. */
  minute: number;
  /** Distinct users with an event of any kind. Users have one partition each, so that the partitions' numbers add up. */
  users: number;
  logins: number;
  failedLogins: number;
  tokenRefreshes: number;
  /** Groups with a request; `OTHER_GROUPS` for those without a slot. */
  routes: RouteCounts[];
  channels: ChannelCounts[];
}

/** Field `b` of an entry of `series:{p}`: minutes of a partition that nothing can change any more. */
export interface ClosedMinutes {
  /** First and last minute that are closed with this entry; the next entry goes on after the last one. */
  from: number;
  through: number;
  /** Minutes in which the clock ticked in real time: if nothing happened in them, then nothing happened. */
  ticks: number[];
  /** Minutes in which anything happened, in order. */
  minutes: PartitionMinute[];
}

export function encodeClosedMinutes({ from, through, ticks, minutes }: ClosedMinutes): Buffer {
  return packr.pack([FORMAT_VERSION, from, through, ticks, minutes.map(packMinute)]);
}

/** Throws `UndecodableError` on anything that this version did not write. */
export function decodeClosedMinutes(bytes: Uint8Array): ClosedMinutes {
  const [, from, through, ticks, minutes] = unpackMsgpackAs(bytes, 'minutes are', {
    schema: closedSchema,
    version: FORMAT_VERSION,
  });
  return { from, through, ticks, minutes: minutes.map(unpackMinute) };
}

export type PackedMinute = z.infer<typeof packedMinuteSchema>;

export function packMinute(minute: PartitionMinute): PackedMinute {
  return [
    minute.minute,
    minute.users,
    minute.logins,
    minute.failedLogins,
    minute.tokenRefreshes,
    minute.routes.map(({ group, requests, errors, users, durations }) => [group, requests, errors, users, durations]),
    minute.channels.map(({ group, events, users }) => [group, events, users]),
  ];
}

export function unpackMinute([
  minute,
  users,
  logins,
  failedLogins,
  tokenRefreshes,
  routes,
  channels,
]: PackedMinute): PartitionMinute {
  return {
    minute,
    users,
    logins,
    failedLogins,
    tokenRefreshes,
    routes: routes.map(([group, requests, errors, users, durations]) => ({
      group,
      requests,
      errors,
      users,
      durations,
    })),
    channels: channels.map(([group, events, users]) => ({ group, events, users })),
  };
}
