// Section 18, as far as a reader of sessions needs it: where a group of parity frames ends. Groups
// are not used to restore anything here.

import { kinds, unlessDamaged } from './frames.mjs';
import * as numbers from './numbers.mjs';

const kMagic = Buffer.from('SPAR');

// The head that would stand in the frame at `offset`, with what follows from it; nothing if it
// cannot be believed.
function headAt(file, offset) {
  const at = offset + numbers.frameHeader;
  const bytes = file.bytes.subarray(at, at + numbers.parityHead);
  if (bytes.length < numbers.parityHead || !bytes.subarray(0, 4).equals(kMagic)) return undefined;
  if (file.taggedHash(bytes.subarray(0, 56)) !== bytes.readBigUInt64LE(56)) return undefined;
  const head = {
    blockLog2: bytes[4],
    rows: bytes[5],
    begin: bytes.readBigUInt64LE(8),
    parityBegin: bytes.readBigUInt64LE(16),
    previous: bytes.readBigUInt64LE(24),
    home: bytes.readBigUInt64LE(32),
    range: bytes.readUInt32LE(40) * numbers.align,
    stripes: bytes.readUInt32LE(44),
    index: bytes.readUInt32LE(48),
  };
  if (bytes.readUInt16LE(6) !== 0 || bytes.readUInt32LE(52) !== 0 || !isPossible(head))
    return undefined;
  for (const name of ['begin', 'parityBegin', 'previous', 'home']) head[name] = Number(head[name]);
  const group = derive(head);
  return group && frameOffset(group, group.index) === offset ? group : undefined;
}

function isPossible(head) {
  const { blockLog2, rows, begin, parityBegin, previous, home, range, stripes } = head;
  return (
    blockLog2 >= numbers.minParityBlockLog2 &&
    blockLog2 <= numbers.maxParityBlockLog2 &&
    rows >= 1 &&
    range > 0 &&
    stripes >= 1 &&
    begin % 64n === 0n &&
    parityBegin % 64n === 0n &&
    parityBegin <= BigInt(Number.MAX_SAFE_INTEGER) &&
    begin + BigInt(range) <= parityBegin &&
    (previous === 0n || previous < parityBegin) &&
    home < parityBegin
  );
}

function derive(head) {
  const block = 2 ** head.blockLog2;
  const n = Math.ceil(head.range / block);
  const parityBlocks = head.rows * head.stripes;
  const k = Math.ceil(n / head.stripes);
  const hashes = n + parityBlocks;
  const table = numbers.alignUp(8 * (hashes + Math.ceil(hashes / (numbers.parityPage - 1))));
  const stream = numbers.parityTables * table + parityBlocks * block;
  if (n > numbers.maxGroup || head.stripes > n || k + head.rows > numbers.maxStripe)
    return undefined;
  if (stream > numbers.maxGroupParity) return undefined;
  const body = Math.min(
    numbers.alignUp(Math.ceil(stream / numbers.parityTables)),
    numbers.maxFrame - numbers.frameHeader - numbers.parityHead,
  );
  const frames = Math.ceil(stream / body) + 1;
  return head.index < frames ? { ...head, stream, body, frames } : undefined;
}

function frameOffset({ parityBegin, stream, body, frames }, index) {
  const overhead = numbers.frameHeader + numbers.parityHead;
  if (index < frames - 1) return parityBegin + index * (overhead + body);
  const rest = stream - (frames - 2) * body;
  return parityBegin + (frames - 2) * (overhead + body) + numbers.alignUp(overhead + rest);
}

// The first finished group of this home that begins in [from, from + max_frame], before `limit`.
export function finishedGroup(file, from, limit, home) {
  const last = Math.min(from + numbers.maxFrame, limit);
  for (let offset = from; offset <= last; offset += numbers.align) {
    const group = headAt(file, offset);
    if (!group || group.home !== home) continue;
    if (group.parityBegin < from || group.parityBegin > from + numbers.maxFrame) continue;
    const closing = unlessDamaged(() => file.frame(frameOffset(group, group.frames - 1)));
    if (!closing || closing.kind !== kinds.parity || closing.home !== home) continue;
    const head = headAt(file, closing.offset);
    if (!head || head.index !== group.frames - 1) continue;
    return {
      begin: group.parityBegin,
      protectedFrom: group.begin,
      protectedTo: group.begin + group.range,
      end: closing.end,
    };
  }
  return undefined;
}
