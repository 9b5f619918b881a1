// JSON as values that lose nothing: objects are Maps in the order of their members, and numbers
// keep the text they were written with.

export class JsonNumber {
  constructor(text) {
    this.text = text;
  }
}

const kNumber = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const kString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const kSpace = /[ \t\r\n]*/y;
const kWords = new Map([
  ['null', null],
  ['true', true],
  ['false', false],
]);

class Parser {
  constructor(text, maxDepth) {
    this.text = text;
    this.at = text.startsWith('\ufeff') ? 1 : 0;
    this.depth = maxDepth;
  }

  fail(message) {
    throw new SyntaxError(`at ${this.at}: ${message}`);
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  accept(character) {
    this.take(kSpace);
    if (this.text[this.at] !== character) return false;
    ++this.at;
    return true;
  }

  expect(character) {
    if (!this.accept(character)) this.fail(`expected ${character}`);
  }

  value() {
    if (this.accept('{')) return this.nested(() => this.object());
    if (this.accept('[')) return this.nested(() => this.array());
    if (this.text[this.at] === '"') return this.string();
    for (const [word, value] of kWords) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    const number = this.take(kNumber);
    return number === undefined ? this.fail('no value') : new JsonNumber(number);
  }

  nested(read) {
    if (this.depth-- === 0) this.fail('nested too deeply');
    const value = read();
    ++this.depth;
    return value;
  }

  string() {
    const literal = this.take(kString);
    if (literal === undefined) this.fail('no string');
    const text = JSON.parse(literal);
    if (Buffer.from(text).toString() !== text) this.fail('half a surrogate pair');
    return text;
  }

  object() {
    const members = new Map();
    if (this.accept('}')) return members;
    do {
      this.take(kSpace);
      const name = this.string();
      if (members.has(name)) this.fail('a key twice');
      this.expect(':');
      members.set(name, this.value());
    } while (this.accept(','));
    this.expect('}');
    return members;
  }

  array() {
    const items = [];
    if (this.accept(']')) return items;
    do items.push(this.value());
    while (this.accept(','));
    this.expect(']');
    return items;
  }
}

// Throws SyntaxError.
export function parse(text, maxDepth) {
  const parser = new Parser(text, maxDepth);
  const value = parser.value();
  parser.take(kSpace);
  if (parser.at !== text.length) parser.fail('more behind the value');
  return value;
}

const kEscapes = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function escape(character) {
  const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  return kEscapes.get(character) ?? `\\u${code}`;
}

export function quote(text) {
  return `"${text.replace(/["\\\u0000-\u001f]/g, escape)}"`;
}

function byBytes([a], [b]) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

// On one line, without spaces; `isSorted`: the members of objects by the bytes of their names.
export function print(value, isSorted = false) {
  if (value instanceof JsonNumber) return value.text;
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return `[${value.map((item) => print(item, isSorted)).join(',')}]`;
  if (!(value instanceof Map)) return String(value);
  const members = isSorted ? [...value].sort(byBytes) : [...value];
  return `{${members.map(([name, item]) => `${quote(name)}:${print(item, isSorted)}`).join(',')}}`;
}

// The shortest text that reads back as the same double, with or without an exponent; without one
// where both are as long.
export function realNumber(value) {
  if (!Number.isFinite(value))
    return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Infinity' : 'Infinity';
  if (value === 0) return new JsonNumber(Object.is(value, -0) ? '-0' : '0');
  const [digits, exponent] = value.toExponential().split('e');
  const scientific = `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  const fixed = fixedText(value, digits, Number(exponent));
  return new JsonNumber(fixed.length <= scientific.length ? fixed : scientific);
}

function fixedText(value, digits, exponent) {
  if (Number.isInteger(value)) return BigInt(value).toString();
  const places = Math.max(0, digits.replace(/[-.]/g, '').length - 1 - exponent);
  return places > 100 ? ' '.repeat(200) : value.toFixed(places);
}
