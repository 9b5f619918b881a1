// Codec zstd-prefix (section 3) for a decompressor that knows no dictionaries: the prefix goes in
// front as raw blocks of the same frame, where references find it as they would find a dictionary.

import { ensure } from './errors.mjs';

const kMagic = 0xfd2fb528;
const kMaxRawBlock = 128 * 1024;
const kBlockHeader = 3;
const kRleBlock = 1;
// A content size of four bytes, one segment, no checksum and no dictionary.
const kDescriptor = 0xa0;

// Where the blocks of a frame begin (RFC 8878, section 3.1.1.1).
function beginOfBlocks(packed, fail) {
  fail(packed.length >= 5 && packed.readUInt32LE(0) === kMagic, 'no zstd frame');
  const descriptor = packed[4];
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const windowSize = isSingleSegment ? 0 : 1;
  const dictionarySize = [0, 1, 2, 4][descriptor & 3];
  const contentSize = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6];
  return 5 + windowSize + dictionarySize + contentSize;
}

function endOfBlocks(packed, begin, fail) {
  for (let at = begin; ; ) {
    fail(at + kBlockHeader <= packed.length, 'a zstd frame that is cut');
    const header = packed.readUIntLE(at, kBlockHeader);
    const isRle = ((header >> 1) & 3) === kRleBlock;
    at += kBlockHeader + (isRle ? 1 : header >> 3);
    fail(at <= packed.length, 'a zstd frame that is cut');
    if ((header & 1) !== 0) return at;
  }
}

function rawBlocks(bytes) {
  const blocks = [];
  for (let at = 0; at < bytes.length; at += kMaxRawBlock) {
    const block = bytes.subarray(at, at + kMaxRawBlock);
    const header = Buffer.alloc(kBlockHeader);
    header.writeUIntLE(block.length << 3, 0, kBlockHeader);
    blocks.push(header, block);
  }
  return blocks;
}

// A frame that decompresses to the prefix and, behind it, to what `packed` holds.
export function behindPrefix(packed, prefix, { rawSize, offset }) {
  const fail = (condition, message) => ensure(condition, 'compression', offset, message);
  const begin = beginOfBlocks(packed, fail);
  const end = endOfBlocks(packed, begin, fail);
  const checksumSize = (packed[4] & 0x04) !== 0 ? 4 : 0;
  fail(end + checksumSize === packed.length, 'more or less than one zstd frame');
  const header = Buffer.alloc(9);
  header.writeUInt32LE(kMagic, 0);
  header[4] = kDescriptor;
  header.writeUInt32LE(prefix.length + rawSize, 5);
  return Buffer.concat([header, ...rawBlocks(prefix), packed.subarray(begin, end)]);
}
