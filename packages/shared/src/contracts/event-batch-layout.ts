/**
 * Bytes of field `b` of an entry of `events:{p}`: the events of one call for one partition. All numbers little-endian.
 *
 *     u8 format version, then for each event:
 *     u8  kind, with HAS_TOKEN where the event bears one
 *     f64 time in ms · u32 hash of the IP · u32 of the token · u32 of the user agent     what the fold reads
 *     u16 length, bytes of the user
 *     u16 length of the details, then texts (u16 length, bytes; ABSENT where there is none) id, IP, token, user agent and
 *         request: texts method, route · u16 status · f64 duration in ms · f64 bytes (NaN = not told)
 *         login:   u8 success
 *         token:   text action
 *         channel: texts channel, action
 *
 * Texts are UTF-8. The fold jumps over the details: decoding their texts would cost it more than all the rest.
 */
export const FORMAT_VERSION = 2;
export const KIND_MASK = 0x0f;
export const HAS_TOKEN = 0x10;
/** Bytes of an event up to the length of its user. */
export const FOLDED_BYTES = 1 + 8 + 4 + 4 + 4;
export const ABSENT = 0xffff;
