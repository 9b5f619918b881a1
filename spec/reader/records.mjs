// Records as our own JSON (spec/json.md), with the large fields that left them put in again.

import { isUtf8 } from 'node:buffer';
import { ensure } from './errors.mjs';
import { JsonNumber, parse, print, realNumber } from './json.mjs';
import { merge, parsePatch } from './patch.mjs';
import { Kind, enumerantsOf, structOfType } from './schema.mjs';
import { textOf, textOrNothing } from './text.mjs';
import { timeText } from './times.mjs';

const kMaxJsonDepth = 512;
const kSilent = new Set(['unset', 'native']);

// ---- blobs --------------------------------------------------------------------------------------

// The field of type Text or Data that `path` leads to; undefined if a newer version's.
function fieldAt(schema, path) {
  const [name, ...rest] = path;
  const field = schema.byName.get(name);
  if (!field || rest.length === 0) return field;
  if (field.type.kind === Kind.STRUCT) return fieldAt(structOfType(field.type), rest);
  if (field.type.kind !== Kind.LIST || field.type.element.kind !== Kind.STRUCT) return field;
  return fieldAt(structOfType(field.type.element), rest.slice(1));
}

// Contents by path, of the fields that left the record.
function contentsOf(record, revision) {
  const contents = new Map();
  let last = '';
  for (const entry of record.get('blobs') ?? []) {
    const path = String(entry.get('path') ?? '');
    const digest = entry.get('digest');
    ensure(
      path > last && digest?.length === 32,
      'structure',
      record.offset,
      'a list of blobs that is out of form',
    );
    last = path;
    const field = fieldAt(record.schema, path.split('.'));
    if (!field) continue;
    ensure(
      field.type.kind === Kind.TEXT || field.type.kind === Kind.DATA,
      'structure',
      record.offset,
      `a blob at ${path}, where no text or data is`,
    );
    const content = revision.blob(digest);
    ensure(
      BigInt(content.length) === entry.get('sizeBytes'),
      'link',
      record.offset,
      'a blob of another size',
    );
    contents.set(path, content);
  }
  return contents;
}

// ---- fields -------------------------------------------------------------------------------------

// A struct and where it stands in its record, so that its fields find their contents.
class Place {
  constructor(record, contents, path = '') {
    this.record = record;
    this.contents = contents;
    this.path = path;
  }

  inside(record, name) {
    return new Place(record, this.contents, `${this.path}${name}.`);
  }

  bytes(field) {
    return this.contents.get(this.path + field.name) ?? this.record.value(field);
  }

  members() {
    const members = new Map();
    for (const field of this.record.schema.fields) {
      const value = this.value(field);
      if (value !== undefined) members.set(field.jsonName, value);
    }
    return members;
  }

  // Undefined for what is left out.
  value(field) {
    const { name, type } = field;
    switch (type.kind) {
      case Kind.TEXT:
        return name === 'extra' ? undefined : textOrNothing(this.bytes(field));
      case Kind.DATA:
        return this.bytes(field)?.toString('base64');
      case Kind.STRUCT: {
        const inner = this.record.value(field);
        return inner === null ? undefined : this.inside(inner, name).members();
      }
      case Kind.LIST:
        return this.path === '' && name === 'blobs' ? undefined : this.list(field);
      default:
        return this.scalar(field);
    }
  }

  scalar(field) {
    const { byName } = this.record.schema;
    if (field.name.endsWith('Form') && byName.has(field.name.slice(0, -4))) return undefined;
    const value = this.record.value(field);
    const form = byName.get(`${field.name}Form`);
    if (field.type.kind === Kind.INT64 && form) {
      const bits = this.record.value(form);
      return bits === 0 ? undefined : timeText(value, bits);
    }
    switch (field.type.kind) {
      case Kind.BOOL:
        return value || undefined;
      case Kind.ENUM:
        return enumerant(field.type, value);
      case Kind.FLOAT64:
        return Object.is(value, 0) ? undefined : realNumber(value);
      default:
        return BigInt(value) === 0n ? undefined : new JsonNumber(String(value));
    }
  }

  list(field) {
    const { element } = field.type;
    const items = this.record.value(field);
    if (items === null) return undefined;
    if (element.kind === Kind.TEXT) return items.map(textOf);
    const places = items.map((item, i) => this.inside(item, `${field.name}.${i}`));
    if (structOfType(element).name === 'Property') {
      const object = properties(places, field.name === 'properties');
      if (object) return object;
    }
    return places.map((place) => place.members());
  }
}

function enumerant(type, value) {
  const name = enumerantsOf(type)[value];
  if (kSilent.has(name)) return undefined;
  return name ?? new JsonNumber(String(value));
}

// The object that says exactly what a list of properties does; undefined if none does.
function properties(places, holdJson) {
  const object = new Map();
  for (const place of places) {
    const { byName } = place.record.schema;
    const name = textOrNothing(place.bytes(byName.get('name')));
    const bytes = place.bytes(byName.get('value'));
    if (name === undefined || bytes === null || object.has(name)) return undefined;
    const value = holdJson ? asWritten(bytes) : textOf(bytes);
    if (value === undefined) return undefined;
    object.set(name, value);
  }
  return object;
}

// The value of a JSON text, if we would write it so.
function asWritten(bytes) {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString();
  try {
    const value = parse(text, kMaxJsonDepth);
    return print(value) === text ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// ---- extra --------------------------------------------------------------------------------------

function withExtra(shown, bytes, isNative) {
  const text = textOf(bytes);
  const patch = isUtf8(bytes) ? parsePatch(text) : undefined;
  if (!patch) return shown.set('extra', text);
  if (isNative) {
    const merged = merge(shown, patch);
    return merged instanceof Map ? merged : shown.set('extra', text);
  }
  const own = patch.get('$');
  patch.delete('$');
  if (own === undefined || patch.size > 0) shown.set('extra', patch);
  if (own === undefined) return shown;
  const merged = merge(shown, own);
  return merged instanceof Map ? merged : shown;
}

export function recordToJson(record, revision) {
  const place = new Place(record, contentsOf(record, revision));
  const shown = place.members();
  const { byName } = record.schema;
  const extra = byName.has('extra') ? place.bytes(byName.get('extra')) : null;
  if (extra === null) return shown;
  const origin = byName.get('origin');
  return withExtra(shown, extra, !origin || record.value(origin) === 0);
}
