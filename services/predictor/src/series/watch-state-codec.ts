import { unpackMsgpackAs } from '@liminal/shared/contracts/unpack-msgpack';
import { Packr } from 'msgpackr';
import { z } from 'zod';
import type { MergeState } from './minute-merge.ts';
import type { GroupsState } from './platform-series.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

/** How far the platform watch is, and which groups it follows; the series have keys of their own. */
export interface WatchState {
  merge: MergeState;
  groups: GroupsState;
}

const groupsSchema = z.array(z.tuple([z.string(), z.number(), z.int().nullable()]));
const stateSchema = z.tuple([
  z.literal(FORMAT_VERSION),
  z.int().nullable(),
  z.array(z.tuple([z.string(), z.int().nullable()])),
  groupsSchema,
  groupsSchema,
]);

export function encodeWatchState({ merge, groups }: WatchState): Buffer {
  const pack = (of: GroupsState['routes']) => of.map(({ group, traffic, place }) => [group, traffic, place]);
  return packr.pack([
    FORMAT_VERSION,
    merge.merged,
    merge.cursors.map(({ id, through }) => [id, through]),
    pack(groups.routes),
    pack(groups.channels),
  ]);
}

/** Throws `UndecodableError` on bytes that this version did not write. */
export function decodeWatchState(bytes: Buffer): WatchState {
  const [, merged, cursors, routes, channels] = unpackMsgpackAs(bytes, 'state of the platform watch is', {
    schema: stateSchema,
    version: FORMAT_VERSION,
  });
  const unpack = (of: z.infer<typeof groupsSchema>) => of.map(([group, traffic, place]) => ({ group, traffic, place }));
  return {
    merge: { merged, cursors: cursors.map(([id, through]) => ({ id, through })) },
    groups: { routes: unpack(routes), channels: unpack(channels) },
  };
}
