// The hashes of the format. XXH3 comes as WebAssembly inside of a package, SHA-256 with Node.

import { createHash } from 'node:crypto';
import { createCRC32, createXXHash128, createXXHash3 } from 'hash-wasm';

const plain64 = await createXXHash3();
const plain128 = await createXXHash128();
const crc = await createCRC32();

export function xxh3of64(bytes) {
  return BigInt('0x' + plain64.init().update(bytes).digest('hex'));
}

// As 16 bytes, low 8 bytes first, as frames have it.
export function xxh3of128(bytes) {
  return Buffer.from(plain128.init().update(bytes).digest('hex'), 'hex').reverse();
}

// A function that hashes with this seed.
export async function seededXxh3of64(seed) {
  const hasher = await createXXHash3(Number(seed & 0xffffffffn), Number(seed >> 32n));
  return (bytes) => BigInt('0x' + hasher.init().update(bytes).digest('hex'));
}

export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function crc32(text) {
  return parseInt(crc.init().update(Buffer.from(text)).digest('hex'), 16);
}
