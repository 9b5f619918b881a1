// Section 13: the newest commit one may believe, found from the end of the file.

import { SessionError } from './errors.mjs';
import { codecs, kinds, unlessDamaged } from './frames.mjs';
import { xxh3of128 } from './hashes.mjs';
import { openMessage } from './message.mjs';
import * as numbers from './numbers.mjs';
import { openCommit } from './pages.mjs';
import { finishedGroup } from './parity.mjs';
import { structNamed } from './schema.mjs';

function endOfContent(bytes) {
  let written = bytes.length;
  while (written > numbers.fileHeader && bytes[written - 1] === 0) --written;
  return Math.max(written, numbers.fileHeader);
}

function lastFrameAtOrBefore(file, place) {
  for (let at = place; at >= numbers.fileHeader; at -= numbers.align) {
    const header = file.tryFrameHeader(at);
    if (header) return header;
  }
  return undefined;
}

function vouches(file, commit) {
  const { offset } = commit.frame;
  const size = commit.unsyncedBytes;
  if (size > BigInt(numbers.maxUnsynced) || size > BigInt(offset - numbers.fileHeader))
    return false;
  if (size === 0n) return commit.unsyncedHashLow === 0n && commit.unsyncedHashHigh === 0n;
  const expected = Buffer.alloc(16);
  expected.writeBigUInt64LE(commit.unsyncedHashLow, 0);
  expected.writeBigUInt64LE(commit.unsyncedHashHigh, 8);
  return xxh3of128(file.bytes.subarray(offset - Number(size), offset)).equals(expected);
}

function believe(file, candidate) {
  const commit = unlessDamaged(() => openCommit(file.frameOf('commit', candidate)));
  return commit && vouches(file, commit) ? commit : undefined;
}

function isSealOf(file, offset, commitOffset) {
  const seal = unlessDamaged(() => {
    const frame = file.frameOf('seal', offset);
    return { frame, message: openMessage(frame.payload, structNamed('Seal'), offset) };
  });
  return (
    seal !== undefined &&
    seal.frame.home === commitOffset &&
    seal.message.get('commitOffset') === BigInt(commitOffset)
  );
}

// The first frame behind a candidate, whose own header may be lost.
function frameBehind(file, candidate) {
  const header = file.tryFrameHeader(candidate);
  if (header) return file.tryFrameHeader(header.end);
  const last = candidate + numbers.maxFrame;
  for (
    let at = candidate + numbers.align;
    at <= last && at < file.bytes.length;
    at += numbers.align
  ) {
    const next = file.tryFrameHeader(at);
    if (next) return next;
  }
  return undefined;
}

// Whether a candidate is sound itself and cannot be unpacked for what it leans on.
function leansOnDamage(file, candidate) {
  const frame = unlessDamaged(() => file.storedFrame(candidate));
  if (frame?.kind !== kinds.commit || frame.codec !== codecs.zstdPrefix) return false;
  return unlessDamaged(() => file.frame(candidate)) === undefined;
}

// Whether something that is left says that it was on the disk.
function isVouchedFor(file, candidate, found) {
  if (leansOnDamage(file, candidate)) return true;
  const behind = frameBehind(file, candidate);
  if (behind?.kind === kinds.seal && isSealOf(file, behind.offset, candidate)) return true;
  return [behind, found].some((frame) => frame?.kind === kinds.parity && frame.home === candidate);
}

function newestBelievable(file, written) {
  let place = written - 1 - ((written - 1) % numbers.align);
  for (let doubted = 0; doubted < numbers.maxDoubtedCommits; ++doubted) {
    const found = lastFrameAtOrBefore(file, place);
    if (!found) break;
    const candidate = found.kind === kinds.commit ? found.offset : found.home;
    const commit = candidate === 0 ? undefined : believe(file, candidate);
    if (commit) return commit;
    if (candidate !== 0 && isVouchedFor(file, candidate, found)) {
      throw new SessionError(
        'damaged',
        'the last commit, or what it leans on, is damaged, and what is left says that it was whole once',
        { offset: candidate },
      );
    }
    if (candidate <= numbers.fileHeader) break;
    place = candidate - numbers.align;
  }
  throw new SessionError('damaged', 'no commit can be believed');
}

// What belongs to the head behind it: its seal, and finished groups of parity.
function whatFollows(file, head, written) {
  let end = head.frame.end;
  let hasSeal = false;
  for (;;) {
    if (!hasSeal && isSealOf(file, end, head.frame.offset)) {
      hasSeal = true;
      end = file.frameHeader(end).end;
      continue;
    }
    const group = finishedGroup(file, end, written, head.frame.offset);
    if (!group) return { end, hasSeal };
    const isGapProtected =
      group.begin > end && group.protectedFrom < group.begin && group.protectedTo > end;
    if (isGapProtected) hasSeal = true;
    end = group.end;
  }
}

export function findHead(file) {
  const written = endOfContent(file.bytes);
  const commit = newestBelievable(file, written);
  const { end, hasSeal } = whatFollows(file, commit, written);
  return {
    commit,
    end,
    isSealed: hasSeal && written <= end,
    tailBytes: Math.max(0, written - end),
    reserveBytes: file.bytes.length - Math.max(written, end),
  };
}
