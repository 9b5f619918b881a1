// The schemas of format/, as the schema compiler tells them to any program: so no name, offset or
// number of a field is written down here a second time.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Message } from 'capnp-es';
import { CodeGeneratorRequest, Type_Which as Kind } from 'capnp-es/capnp/schema';

export { Kind };

const folder = fileURLToPath(new URL('../../format', import.meta.url));

function compile() {
  const files = ['record', 'page', 'commit'].map((name) => `${folder}/${name}.capnp`);
  const options = ['compile', '-o-', `--src-prefix=${folder}`, ...files];
  const request = execFileSync('capnp', options, { maxBuffer: 1 << 24 });
  return new Message(request, false).getRoot(CodeGeneratorRequest);
}

// "createdAt" -> "created_at": what a field is called in JSON.
function jsonName(name) {
  return name.replace(/[A-Z]/g, (letter) => '_' + letter.toLowerCase());
}

function typeOf(type) {
  const kind = type.which();
  if (kind === Kind.LIST) return { kind, element: typeOf(type.list.elementType) };
  if (kind === Kind.STRUCT) return { kind, id: type.struct.typeId };
  if (kind === Kind.ENUM) return { kind, id: type.enum.typeId };
  return { kind };
}

function structOf(node) {
  const fields = [];
  for (let i = 0; i < node.struct.fields.length; ++i) {
    const field = node.struct.fields.get(i);
    const { offset } = field.slot;
    fields.push({
      name: field.name,
      jsonName: jsonName(field.name),
      offset,
      type: typeOf(field.slot.type),
    });
  }
  const byName = new Map(fields.map((field) => [field.name, field]));
  return { name: node.displayName.split(':').pop(), fields, byName };
}

function enumOf(node) {
  const names = [];
  for (let i = 0; i < node.enum.enumerants.length; ++i) {
    names.push(jsonName(node.enum.enumerants.get(i).name));
  }
  return names;
}

const structs = new Map();
const structsByName = new Map();
const enums = new Map();

function load() {
  const { nodes } = compile();
  for (let i = 0; i < nodes.length; ++i) {
    const node = nodes.get(i);
    if (node._isEnum) enums.set(node.id, enumOf(node));
    if (!node._isStruct) continue;
    const struct = structOf(node);
    structs.set(node.id, struct);
    structsByName.set(struct.name, struct);
  }
}

load();

export function structNamed(name) {
  return structsByName.get(name);
}
export function structOfType(type) {
  return structs.get(type.id);
}
// The enumerants' names in JSON, by number.
export function enumerantsOf(type) {
  return enums.get(type.id);
}
