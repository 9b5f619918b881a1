// What a record's fields could not say, kept as a patch in `extra`, merged in again (spec/json.md).

import { crc32 } from './hashes.mjs';
import { JsonNumber, parse, print } from './json.mjs';

const kMaxDepth = 552;
const kMaxGuard = 0xffffffff;

function guardOf(value) {
  return crc32(print(value, true));
}

function readGuard(value) {
  if (!(value instanceof JsonNumber) || !/^[0-9]+$/.test(value.text)) return undefined;
  const guard = Number(value.text);
  return guard <= kMaxGuard ? guard : undefined;
}

function fits(value, guard) {
  return readGuard(guard) === guardOf(value);
}

// ---- is it one? ---------------------------------------------------------------------------------

function isStep([name, value]) {
  if (name === '?') return readGuard(value) !== undefined;
  switch (name[0]) {
    case '=':
      return true;
    case '~':
      return Array.isArray(value) && value.length === 2 && readGuard(value[0]) !== undefined;
    case '-':
      return readGuard(value) !== undefined;
    case '/':
      return isInnerPatch(value);
    default:
      return false;
  }
}

function isInnerPatch(value) {
  return value instanceof Map && [...value].every(isStep);
}

function isPatch(value) {
  if (!(value instanceof Map)) return false;
  const own = value.get('$');
  if (own !== undefined && !isInnerPatch(own)) return false;
  const steps = [...value].filter(([name]) => name !== '$');
  return value.has('!') ? steps.length === 1 : steps.every(isStep);
}

// The patch that `text` is, or undefined.
export function parsePatch(text) {
  try {
    const patch = parse(text, kMaxDepth);
    return isPatch(patch) ? patch : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// ---- applying -----------------------------------------------------------------------------------

function apply(target, patch) {
  if (target instanceof Map) return applyToObject(target, patch);
  return Array.isArray(target) ? applyToArray(target, patch) : target;
}

function applyToObject(target, patch) {
  const removed = new Set();
  const result = new Map(target);
  for (const [step, value] of patch) {
    const name = step.slice(1);
    if (!target.has(name)) continue;
    const old = result.get(name);
    if (step[0] === '~' && fits(old, value[0])) result.set(name, value[1]);
    if (step[0] === '-' && fits(old, value)) removed.add(name);
    if (step[0] === '/') result.set(name, apply(old, value));
  }
  for (const name of removed) result.delete(name);
  for (const [step, value] of patch) {
    const name = step.slice(1);
    if (step[0] === '=' && !target.has(name)) result.set(name, value);
  }
  return result;
}

function applyToArray(target, patch) {
  const find = (index, guard) =>
    index < target.length && guardOf(target[index]) === guard
      ? index
      : target.findIndex((item) => guardOf(item) === guard);
  const result = [...target];
  for (const [step, value] of patch) {
    if (step[0] !== '~' && step[0] !== '/') continue;
    const guard = step[0] === '/' ? value.get('?') : value[0];
    if (guard === undefined) continue;
    const at = find(Number(step.slice(1)), readGuard(guard));
    if (at < 0) continue;
    result[at] = step[0] === '~' ? value[1] : apply(result[at], value);
  }
  return result;
}

// `value` with the patch applied as far as it fits.
export function merge(value, patch) {
  return patch.has('!') ? patch.get('!') : apply(value, patch);
}
