// Bytes as text: a byte that belongs to no UTF-8 character becomes U+FFFD, one for each.

import { isUtf8 } from 'node:buffer';

// Of bytes read as Latin-1: a character, as the table of RFC 3629 has them, or any byte.
const kCharacters = [
  '[\\x00-\\x7f]',
  '[\\xc2-\\xdf][\\x80-\\xbf]',
  '\\xe0[\\xa0-\\xbf][\\x80-\\xbf]',
  '[\\xe1-\\xec\\xee\\xef][\\x80-\\xbf]{2}',
  '\\xed[\\x80-\\x9f][\\x80-\\xbf]',
  '\\xf0[\\x90-\\xbf][\\x80-\\xbf]{2}',
  '[\\xf1-\\xf3][\\x80-\\xbf]{3}',
  '\\xf4[\\x80-\\x8f][\\x80-\\xbf]{2}',
];
const kCharacterOrByte = new RegExp(`(${kCharacters.join('|')})|[\\x80-\\xff]`, 'g');
const kReplacement = '\xef\xbf\xbd';

export function textOf(bytes) {
  if (isUtf8(bytes)) return bytes.toString();
  const mended = bytes
    .toString('latin1')
    .replace(kCharacterOrByte, (_, character) => character ?? kReplacement);
  return Buffer.from(mended, 'latin1').toString();
}

// The same of what may not be there.
export function textOrNothing(bytes) {
  return bytes === null || bytes === undefined ? undefined : textOf(bytes);
}
