// Sections 2 and 3: the file header, and frames with their checks, in the order of trust.

import { decompress } from 'fzstd';
import { SessionError, damage, ensure, toNumber } from './errors.mjs';
import { seededXxh3of64, xxh3of128, xxh3of64 } from './hashes.mjs';
import * as numbers from './numbers.mjs';
import { behindPrefix } from './zstd.mjs';

export const codecs = { none: 0, zstd: 1, zstdPrefix: 2 };
export const kinds = { leaf: 1, index: 2, blob: 3, commit: 4, seal: 5, parity: 6 };

const kFileMagic = Buffer.from('89534553530D0A1A', 'hex');
const kFrameMagic = Buffer.from('SFRM');

function isZero(bytes) {
  return bytes.every((byte) => byte === 0);
}

function parseFileHeader(bytes) {
  const header = bytes.subarray(0, numbers.fileHeader);
  if (header.length < numbers.fileHeader || !header.subarray(0, 8).equals(kFileMagic)) {
    throw new SessionError('not_a_session', 'this is not a session file', { offset: 0 });
  }
  ensure(
    xxh3of64(header.subarray(0, 56)) === header.readBigUInt64LE(56),
    'header_hash',
    0,
    'the file header does not hash to what it says',
  );
  const major = header.readUInt16LE(8);
  if (major !== numbers.majorVersion) {
    throw new SessionError(
      'newer_version',
      `this is format ${major}; this reader knows format ${numbers.majorVersion}`,
    );
  }
  for (const target of [header[12], header[13]]) {
    ensure(
      target >= numbers.minTargetLog2 && target <= numbers.maxTargetLog2,
      'header_field',
      0,
      'an impossible page target',
    );
  }
  ensure(
    isZero(header.subarray(14, 16)) && isZero(header.subarray(40, 56)),
    'padding',
    0,
    'bytes of the file header that must be zero are not',
  );
  const fileId = header.subarray(16, 32);
  return {
    major,
    minor: header.readUInt16LE(10),
    leafTargetLog2: header[12],
    indexTargetLog2: header[13],
    fileId,
    created: header.readBigInt64LE(32),
    tag: xxh3of64(fileId),
  };
}

// A session file as bytes in memory, and its frames.
export class FrameFile {
  static async open(bytes) {
    const header = parseFileHeader(bytes);
    return new FrameFile(bytes, header, await seededXxh3of64(header.tag));
  }

  constructor(bytes, header, taggedHash) {
    this.bytes = bytes;
    this.header = header;
    this.taggedHash = taggedHash;
  }

  // The header of the frame at `offset`; throws damage.
  frameHeader(offset) {
    const { bytes } = this;
    ensure(
      offset >= numbers.fileHeader &&
        offset % numbers.align === 0 &&
        offset <= bytes.length &&
        numbers.frameHeader <= bytes.length - offset,
      'beyond_end',
      offset,
      'no frame can stand here',
    );
    const header = bytes.subarray(offset, offset + numbers.frameHeader);
    ensure(
      header.subarray(0, 4).equals(kFrameMagic),
      'frame_magic',
      offset,
      'no frame begins here',
    );
    ensure(
      xxh3of64(header.subarray(0, 56)) === header.readBigUInt64LE(56),
      'header_hash',
      offset,
      'the header of the frame does not hash to what it says',
    );
    ensure(
      header.readBigUInt64LE(32) === this.header.tag,
      'foreign_frame',
      offset,
      'a frame of another session file',
    );
    ensure(
      header.readBigUInt64LE(16) === BigInt(offset),
      'misplaced_frame',
      offset,
      `a frame that belongs to offset ${header.readBigUInt64LE(16)}`,
    );
    return parseFrameHeader(header, offset);
  }

  // The header, or nothing where there is no valid one.
  tryFrameHeader(offset) {
    return unlessDamaged(() => this.frameHeader(offset));
  }

  // A frame with its raw payload, all checks of section 3 made.
  frame(offset) {
    const { stored, ...frame } = this.storedFrame(offset);
    switch (frame.codec) {
      case codecs.none:
        return { ...frame, payload: stored };
      case codecs.zstd:
        return { ...frame, payload: decompressed(stored, frame) };
      default:
        return { ...frame, payload: this.decompressedBehind(stored, frame) };
    }
  }

  // The payload of codec zstd-prefix: a hash, the frames it leans on, and what zstd made of it.
  decompressedBehind(stored, frame) {
    const fail = (condition, code, message) => ensure(condition, code, frame.offset, message);
    fail(stored.length >= 12, 'compression', 'a payload that names no frames to lean on');
    const count = stored.readUInt32LE(8);
    const packedAt = 12 + 8 * count;
    fail(
      count >= 1 && count <= numbers.maxPrefixFrames && packedAt <= stored.length,
      'compression',
      'a payload that leans on an impossible number of frames',
    );
    const offsets = [];
    for (let i = 0; i < count; ++i) {
      const offset = toNumber(stored.readBigUInt64LE(12 + 8 * i), frame.offset, 'prefix');
      fail(
        offset % numbers.align === 0 && offset >= numbers.fileHeader && offset < frame.offset,
        'link',
        'a payload that leans on a frame at an impossible place',
      );
      offsets.push(offset);
    }
    const leantOn = offsets.map((offset) => this.leantOn(offset, fail));
    const storedBytes = leantOn.reduce((sum, { storedSize }) => sum + storedSize, 0);
    const prefix = Buffer.concat(leantOn.map(({ payload }) => payload));
    fail(
      Math.max(prefix.length, storedBytes) <= numbers.maxPrefix,
      'link',
      'a payload that leans on too many bytes',
    );
    const whole = decompressed(behindPrefix(stored.subarray(packedAt), prefix, frame), {
      offset: frame.offset,
      rawSize: prefix.length + frame.rawSize,
    });
    const payload = Buffer.from(whole.subarray(prefix.length));
    fail(
      xxh3of64(payload) === stored.readBigUInt64LE(0),
      'compression',
      'a payload that does not decompress to what it was',
    );
    return payload;
  }

  // A frame that another one leans on, with its raw payload.
  leantOn(offset, fail) {
    const { stored, ...frame } = this.storedFrame(offset);
    fail(
      [kinds.leaf, kinds.commit].includes(frame.kind) && frame.codec !== codecs.zstdPrefix,
      'link',
      `a payload that leans on the frame at offset ${offset}, which is none to lean on`,
    );
    const payload = frame.codec === codecs.none ? stored : decompressed(stored, frame);
    return { storedSize: stored.length, payload };
  }

  // A frame with its payload as it stands in the file.
  storedFrame(offset) {
    const frame = this.frameHeader(offset);
    const { bytes } = this;
    ensure(frame.end <= bytes.length, 'beyond_end', offset, 'the frame reaches beyond the file');
    const behind = offset + numbers.frameHeader + frame.storedSize;
    const stored = bytes.subarray(offset + numbers.frameHeader, behind);
    ensure(
      xxh3of128(stored).equals(bytes.subarray(offset + 40, offset + 56)),
      'payload_hash',
      offset + numbers.frameHeader,
      'the payload does not hash to what its header says',
    );
    ensure(
      isZero(bytes.subarray(behind, frame.end)),
      'padding',
      behind,
      'bytes behind the payload that must be zero are not',
    );
    return { ...frame, stored };
  }

  // A frame that must be of this kind.
  frameOf(kind, offset) {
    const frame = this.frame(offset);
    ensure(
      frame.kind === kinds[kind],
      'link',
      offset,
      `a frame of kind ${frame.kind} where a ${kind} should be`,
    );
    return frame;
  }
}

function parseFrameHeader(header, offset) {
  const [kind, codec] = [header[4], header[5]];
  const table = header.readUInt16LE(6);
  const storedSize = header.readUInt32LE(8);
  const rawSize = header.readUInt32LE(12);
  const isPage = kind === kinds.leaf || kind === kinds.index;
  const largest = numbers.maxFrame - numbers.frameHeader;
  const field = (condition, message) => ensure(condition, 'header_field', offset, message);
  field(codec <= codecs.zstdPrefix, `the codec ${codec} is not known`);
  field(codec !== codecs.zstdPrefix || kind === kinds.commit, 'a prefix where none may be');
  field((table !== 0) === isPage, 'a table where none may be named, or none where one must');
  field(storedSize <= largest && rawSize <= largest, 'a frame larger than any');
  field(codec !== codecs.none || storedSize === rawSize, 'two sizes for one payload');
  const home = toNumber(header.readBigUInt64LE(24), offset, 'home');
  field(home < offset && home % numbers.align === 0, 'an impossible home');
  const end = offset + numbers.alignUp(numbers.frameHeader + storedSize);
  return { offset, kind, codec, table, storedSize, rawSize, home, end };
}

function decompressed(stored, { rawSize, offset }) {
  let raw;
  try {
    raw = decompress(stored, new Uint8Array(rawSize));
  } catch (error) {
    throw damage('compression', offset, `the payload does not decompress: ${error.message}`);
  }
  ensure(
    raw.length === rawSize,
    'compression',
    offset,
    `the payload decompresses to ${raw.length} bytes, not ${rawSize}`,
  );
  return Buffer.from(raw.buffer, raw.byteOffset, raw.length);
}

export function unlessDamaged(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof SessionError && error.code === 'damaged') return undefined;
    throw error;
  }
}
