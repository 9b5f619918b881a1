// Section 4: is this segment one message in canonical form? Every object must stand exactly where
// the walk in pre-order expects it, so each word is looked at once, whatever the message holds.

import { maxNesting } from './numbers.mjs';

const kStruct = 0;
const kList = 1;
const kPointers = 6;
const kComposite = 7;
const kElementBits = [0, 1, 8, 16, 32, 64, 64];
// Elements without size cost no bytes; so many of them a word of the segment may have.
const kHollowPerWord = 4;

class NotCanonical extends Error {}

function check(condition, message) {
  if (!condition) throw new NotCanonical(message);
}

class Walk {
  constructor(segment) {
    this.view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
    this.words = segment.byteLength / 8;
    this.next = 1;
    this.hollowLeft = this.words * kHollowPerWord;
  }

  low(word) {
    return this.view.getUint32(word * 8, true);
  }
  high(word) {
    return this.view.getUint32(word * 8 + 4, true);
  }
  isZero(word) {
    return this.low(word) === 0 && this.high(word) === 0;
  }

  take(words) {
    check(words <= this.words - this.next, 'an object reaches beyond the message');
    const at = this.next;
    this.next += words;
    return at;
  }

  follow(word, depth) {
    if (this.isZero(word)) return;
    check(depth > 0, 'the message is nested too deeply');
    const kind = this.low(word) & 3;
    const offset = this.view.getInt32(word * 8, true) >> 2;
    check(kind === kStruct || kind === kList, 'a far pointer or a capability');
    const data = this.high(word) & 0xffff;
    const pointers = this.high(word) >>> 16;
    if (kind === kStruct && data + pointers === 0) {
      check(offset === -1, 'an empty struct whose pointer leads elsewhere');
      return;
    }
    check(word + 1 + offset === this.next, 'an object is not where canonical form has it');
    if (kind === kStruct) {
      const at = this.take(data + pointers);
      check(this.needsWidth(at, 1, data, pointers), 'a struct ends in zeros');
      this.followAll(at + data, pointers, depth - 1);
    } else {
      this.list(this.high(word) & 7, this.high(word) >>> 3, depth - 1);
    }
  }

  followAll(first, count, depth) {
    for (let i = 0; i < count; ++i) this.follow(first + i, depth);
  }

  // Whether one of the structs uses the last word of data, and one the last pointer.
  needsWidth(first, count, data, pointers) {
    let usesData = data === 0;
    let usesPointer = pointers === 0;
    for (let i = 0; i < count && !(usesData && usesPointer); ++i) {
      const at = first + i * (data + pointers);
      usesData ||= !this.isZero(at + data - 1);
      usesPointer ||= !this.isZero(at + data + pointers - 1);
    }
    return usesData && usesPointer;
  }

  list(element, count, depth) {
    if (element === kComposite) return this.structs(count, depth);
    if (element === 0) this.countHollow(count);
    const bits = count * kElementBits[element];
    const words = Math.ceil(bits / 64);
    const at = this.take(words);
    if (element === kPointers) return this.followAll(at, count, depth);
    this.checkPadding(at, bits, words);
  }

  checkPadding(at, bits, words) {
    for (let bit = bits; bit < words * 64; bit = (bit | 7) + 1) {
      const byte = this.view.getUint8(at * 8 + (bit >> 3));
      check(byte >> (bit & 7) === 0, 'padding behind a list is not zero');
    }
  }

  structs(words, depth) {
    const tag = this.take(1 + words);
    const count = this.low(tag) >>> 2;
    const data = this.high(tag) & 0xffff;
    const pointers = this.high(tag) >>> 16;
    check((this.low(tag) & 3) === kStruct, 'a list of structs without a tag');
    check(count * (data + pointers) === words, 'a list of structs of another size than it says');
    if (data + pointers === 0) return this.countHollow(count);
    check(this.needsWidth(tag + 1, count, data, pointers), 'a list of structs wider than it needs');
    for (let i = 0; i < count; ++i) {
      this.followAll(tag + 1 + i * (data + pointers) + data, pointers, depth);
    }
  }

  countHollow(count) {
    check(count <= this.hollowLeft, 'too many elements without content');
    this.hollowLeft -= count;
  }
}

// Nothing if it is; else what is wrong.
export function whyNotCanonical(segment) {
  if (segment.byteLength < 8) return 'the message has no root';
  const walk = new Walk(segment);
  try {
    walk.follow(0, maxNesting);
    check(walk.next === walk.words, 'words that belong to nothing');
    return undefined;
  } catch (error) {
    if (error instanceof NotCanonical) return error.message;
    throw error;
  }
}
