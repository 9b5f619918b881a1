// Fields of checked messages. A message may be older or newer than the schema: what is not there
// has its default, zero or null, and what the schema does not know is passed over. A pointer to
// another kind of object than the schema says is damage, found by whoever touches it.

import {
  CompositeList,
  Data,
  List,
  ListElementSize,
  Message,
  ObjectSize,
  Pointer,
  Struct,
  utils,
} from 'capnp-es';
import { whyNotCanonical } from './canonical.mjs';
import { ensure } from './errors.mjs';
import { Kind, structOfType } from './schema.mjs';

// Of no size, so that the package takes every struct as it is and never widens one.
class AnyStruct extends Struct {
  static _capnp = { displayName: 'AnyStruct', id: '0', size: new ObjectSize(0, 0) };
}
const Structs = CompositeList(AnyStruct);

const kFraming = 8;
const kDataBytes = new Map([
  [Kind.BOOL, 1],
  [Kind.INT32, 4],
  [Kind.INT64, 8],
  [Kind.UINT16, 2],
  [Kind.UINT32, 4],
  [Kind.UINT64, 8],
  [Kind.FLOAT64, 8],
  [Kind.ENUM, 2],
]);
const kElementSizes = new Map([
  [Kind.UINT32, ListElementSize.BYTE_4],
  [Kind.UINT64, ListElementSize.BYTE_8],
  [Kind.TEXT, ListElementSize.POINTER],
  [Kind.STRUCT, ListElementSize.COMPOSITE],
]);

// The root of the payload of a frame at `offset`, which damage is reported at.
export function openMessage(payload, schema, offset) {
  ensure(
    payload.length >= kFraming + 8 && payload.readUInt32LE(0) === 0,
    'not_canonical',
    offset,
    'the payload is no message of one segment',
  );
  const segment = payload.subarray(kFraming);
  ensure(
    payload.readUInt32LE(4) * 8 === segment.length,
    'not_canonical',
    offset,
    'the segment has another length than the payload',
  );
  const wrong = whyNotCanonical(segment);
  ensure(wrong === undefined, 'not_canonical', offset, wrong);
  ensure((segment[0] & 3) === 0, 'structure', offset, 'the root is no struct');
  const message = new Message(segment, false, true);
  return new Record(schema, message.getRoot(AnyStruct), offset);
}

// One struct and its schema.
export class Record {
  constructor(schema, struct, offset) {
    this.schema = schema;
    this.struct = struct;
    this.offset = offset;
    this.size = utils.getSize(struct);
  }

  field(name) {
    return this.schema.byName.get(name);
  }

  // A number, text, Record or list of those, as the schema has it; null for a null pointer.
  get(name) {
    return this.value(this.field(name));
  }

  value(field) {
    if (kDataBytes.has(field.type.kind)) return this.data(field);
    const pointer = this.pointer(field);
    return pointer === null ? null : this.object(field, pointer);
  }

  has(field) {
    return this.pointer(field) !== null;
  }

  data({ type, offset }) {
    const bytes = kDataBytes.get(type.kind);
    const at = type.kind === Kind.BOOL ? offset >> 3 : offset * bytes;
    const isThere = at + bytes <= this.size.dataByteLength;
    switch (type.kind) {
      case Kind.BOOL:
        return isThere && utils.getBit(offset, this.struct);
      case Kind.INT32:
        return isThere ? utils.getInt32(at, this.struct) : 0;
      case Kind.UINT32:
        return isThere ? utils.getUint32(at, this.struct) : 0;
      case Kind.UINT16:
      case Kind.ENUM:
        return isThere ? utils.getUint16(at, this.struct) : 0;
      case Kind.INT64:
        return isThere ? utils.getInt64(at, this.struct) : 0n;
      case Kind.UINT64:
        return isThere ? utils.getUint64(at, this.struct) : 0n;
      default:
        return isThere ? utils.getFloat64(at, this.struct) : 0;
    }
  }

  pointer({ offset }) {
    if (offset >= this.size.pointerLength) return null;
    const pointer = utils.getPointer(offset, this.struct);
    return utils.isNull(pointer) ? null : pointer;
  }

  object(field, pointer) {
    const { type } = field;
    switch (type.kind) {
      case Kind.STRUCT:
        this.check(field, (pointerBits(pointer).low & 3) === 0);
        return new Record(structOfType(type), as(AnyStruct, pointer), this.offset);
      case Kind.TEXT:
        return this.text(field, pointer);
      case Kind.DATA:
        return this.bytes(field, pointer);
      case Kind.LIST:
        return this.list(field, pointer, type.element);
      default:
        return pointer;
    }
  }

  bytes(field, pointer) {
    this.checkList(field, pointer, ListElementSize.BYTE);
    return Buffer.from(as(Data, pointer).toUint8Array());
  }

  // The bytes of a text without its NUL.
  text(field, pointer) {
    const bytes = this.bytes(field, pointer);
    this.check(field, bytes.length > 0 && bytes[bytes.length - 1] === 0);
    return bytes.subarray(0, -1);
  }

  list(field, pointer, element) {
    this.checkList(field, pointer, kElementSizes.get(element.kind));
    if (element.kind === Kind.STRUCT) return this.structs(pointer, structOfType(element));
    const { length } = as(List, pointer);
    if (element.kind === Kind.TEXT) {
      return Array.from({ length }, (_, i) => this.element(field, pointer, i));
    }
    return numbers(pointer, length, element.kind);
  }

  element(field, pointer, index) {
    const content = utils.getContent(pointer);
    const item = new Pointer(content.segment, content.byteOffset + index * 8);
    return utils.isNull(item) ? Buffer.alloc(0) : this.text(field, item);
  }

  structs(pointer, schema) {
    const list = as(Structs, pointer);
    return Array.from(
      { length: list.length },
      (_, i) => new Record(schema, list.get(i), this.offset),
    );
  }

  // What an AnyPointer leads to, as a list of structs.
  anyStructs(name, schema) {
    const field = this.field(name);
    const pointer = this.pointer(field);
    this.check(field, pointer !== null);
    this.checkList(field, pointer, ListElementSize.COMPOSITE);
    return this.structs(pointer, schema);
  }

  checkList(field, pointer, size) {
    const { low, high } = pointerBits(pointer);
    this.check(field, (low & 3) === 1 && (high & 7) === size);
  }

  check(field, condition) {
    ensure(
      condition,
      'structure',
      this.offset,
      `the field ${field.name} of ${this.schema.name} is not what its schema says`,
    );
  }
}

function as(Class, pointer) {
  return new Class(pointer.segment, pointer.byteOffset);
}

function pointerBits(pointer) {
  const { segment, byteOffset } = pointer;
  return { low: segment.getUint32(byteOffset), high: segment.getUint32(byteOffset + 4) };
}

function numbers(pointer, length, kind) {
  const { segment, byteOffset } = utils.getContent(pointer);
  if (kind === Kind.UINT32) {
    return Array.from({ length }, (_, i) => segment.getUint32(byteOffset + i * 4));
  }
  return Array.from({ length }, (_, i) => segment.getUint64(byteOffset + i * 8));
}
