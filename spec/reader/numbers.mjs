// Section 16 of the specification, as far as a reader needs it; by the names it has there.

export const majorVersion = 2;
export const align = 64;
export const fileHeader = 64;
export const frameHeader = 64;
export const maxFrame = 1048576;
export const maxKey = 4096;
export const maxRecord = 262144;
export const maxRecordData = 64;
export const maxRecordPointers = 64;
export const maxBlob = 1073741824;
export const maxNesting = 64;
export const maxTreeLevels = 64;
export const maxPrefixFrames = 2;
export const maxPrefix = 262144;
export const maxDescription = 4096;
export const minTargetLog2 = 9;
export const maxTargetLog2 = 16;
export const maxChainDeltas = 4096;
export const maxChain = 67108864;
export const maxDoubtedCommits = 8192;
export const maxUnsynced = 1048576;
export const maxStripe = 255;
export const minParityBlockLog2 = 9;
export const maxParityBlockLog2 = 16;
export const maxGroup = 131072;
export const maxGroupParity = 67108864;
export const parityHead = 64;
export const parityPage = 64;
export const parityTables = 3;

export function alignUp(size) {
  return Math.ceil(size / align) * align;
}
