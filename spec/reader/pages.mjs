// Sections 8 and 11: what pages and commits must be beyond their canonical form.

import { sha256 } from './hashes.mjs';
import { ensure } from './errors.mjs';
import { codecs } from './frames.mjs';
import { openMessage } from './message.mjs';
import * as numbers from './numbers.mjs';
import { structNamed } from './schema.mjs';

// ---- keys ---------------------------------------------------------------------------------------

// The keys that `keyEnds` and `keys` hold, checked: rising, none empty, none too long.
function keyList(ends, bytes, offset) {
  const fail = (condition, message) => ensure(condition, 'structure', offset, message);
  fail((ends.at(-1) ?? 0) === bytes.length, 'the last key does not end where the keys end');
  const keys = [];
  let begin = 0;
  for (const end of ends) {
    fail(end > begin && end <= bytes.length, 'an empty key, or ends that fall');
    fail(end - begin <= numbers.maxKey, 'a key that is too long');
    const key = bytes.subarray(begin, end);
    fail(keys.length === 0 || Buffer.compare(keys.at(-1), key) < 0, 'keys that do not rise');
    keys.push(key);
    begin = end;
  }
  return keys;
}

function pageKeys(page, offset) {
  const ends = page.get('keyEnds') ?? [];
  const keys = keyList(ends, page.get('keys') ?? Buffer.alloc(0), offset);
  const fail = (condition, message) => ensure(condition, 'structure', offset, message);
  fail(keys.length > 0, 'a page without keys');
  const skip = page.get('skip');
  fail(
    skip === commonBeginning(keys[0], keys.at(-1)),
    'a page that skips another length than its keys share',
  );
  const prefixes = page.get('prefixes') ?? [];
  fail(prefixes.length === keys.length, 'a list of prefixes of another length');
  keys.forEach((key, i) => {
    const prefix = Buffer.alloc(8);
    key.subarray(skip, skip + 8).copy(prefix);
    fail(prefix.readBigUInt64BE(0) === prefixes[i], "a prefix that is not its key's");
  });
  return keys;
}

function commonBeginning(a, b) {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) ++length;
  return length;
}

// ---- pages --------------------------------------------------------------------------------------

// A leaf, or what has the form of one in a delta: [[key, Record], ...].
export function readLeaf(page, recordSchema, offset) {
  const keys = pageKeys(page, offset);
  const records = page.anyStructs('records', recordSchema);
  ensure(records.length === keys.length, 'structure', offset, 'not as many records as keys');
  for (const { size } of records.slice(0, 1)) {
    ensure(
      size.dataByteLength <= numbers.maxRecordData * 8 &&
        size.pointerLength <= numbers.maxRecordPointers,
      'structure',
      offset,
      'a record that is too wide',
    );
  }
  return keys.map((key, i) => [key, records[i]]);
}

export function openLeaf(frame, recordSchema) {
  return readLeaf(
    openMessage(frame.payload, structNamed('Leaf'), frame.offset),
    recordSchema,
    frame.offset,
  );
}

export function openIndex(frame, level) {
  const { offset } = frame;
  const page = openMessage(frame.payload, structNamed('Index'), offset);
  const keys = pageKeys(page, offset);
  const lists = ['counts', 'offsets', 'storedSizes', 'contentBytes', 'storedBytes'];
  const [counts, offsets, storedSizes] = lists.map((name) => {
    const list = page.get(name) ?? [];
    ensure(list.length === keys.length, 'structure', offset, `a list of ${name} of another length`);
    return list;
  });
  const digests = page.get('digests') ?? Buffer.alloc(0);
  ensure(digests.length === keys.length * 32, 'structure', offset, 'digests of another length');
  ensure(
    page.get('level') === level,
    'link',
    offset,
    `an index page of level ${page.get('level')}, not ${level}`,
  );
  return keys.map((key, i) => ({
    key,
    count: counts[i],
    offset: offsets[i],
    storedSize: storedSizes[i],
    digest: digests.subarray(i * 32, i * 32 + 32),
  }));
}

// ---- digests, section 10 ------------------------------------------------------------------------

function number(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function leafDigest(payload) {
  return sha256('sessiontool leaf', payload);
}

export function indexDigest(level, children) {
  const parts = children.flatMap(({ key, count, digest }) => [
    number(key.length),
    key,
    number(count),
    digest,
  ]);
  return sha256('sessiontool index', number(level), number(children.length), ...parts);
}

// `roots` are those of the content tables, by rising number.
export function fingerprint(roots) {
  const parts = roots.flatMap(({ table, count, digest }) => [number(table), number(count), digest]);
  return sha256('sessiontool revision', ...parts);
}

// ---- commits ------------------------------------------------------------------------------------

export function openCommit(frame) {
  const { offset } = frame;
  const fail = (condition, message) => ensure(condition, 'structure', offset, message);
  const message = openMessage(frame.payload, structNamed('Commit'), offset);
  const commit = { frame };
  for (const { name } of message.schema.fields) commit[name] = message.get(name);
  commit.isSnapshot = commit.kind === 1;
  fail(commit.revision >= 1n, 'a commit without a number');
  fail(commit.parentRevision < commit.revision, 'a parent that is not older');
  fail(commit.kind <= 1, 'a commit of unknown kind');
  fail((commit.message?.length ?? 0) <= numbers.maxDescription, 'a message that is too long');
  commit.changes = readChanges(commit.changes ?? [], offset);
  if (commit.trees) {
    fail(frame.codec !== codecs.zstdPrefix, 'trees in a commit that is compressed with a prefix');
    commit.trees = readTrees(commit, offset);
  } else {
    fail(!commit.isSnapshot, 'a snapshot without trees');
    fail(commit.treesOffset > 0n, 'a delta that stands on no trees');
  }
  return commit;
}

function readChanges(list, offset) {
  let last = 0;
  return list.map((changes) => {
    const table = changes.get('table');
    ensure(table > last, 'structure', offset, 'tables that do not rise');
    last = table;
    const ends = changes.get('erasedEnds') ?? [];
    const erased = keyList(ends, changes.get('erasedKeys') ?? Buffer.alloc(0), offset);
    return { table, upserts: changes.get('upserts'), erased };
  });
}

function readTrees({ trees, revision, isSnapshot, changes }, offset) {
  const fail = (condition, message) => ensure(condition, 'structure', offset, message);
  const holds = trees.get('revision');
  fail(
    isSnapshot ? holds === revision : holds > 0n && holds < revision,
    'trees of a wrong revision',
  );
  fail(!isSnapshot || changes.length === 0, 'a snapshot with changes');
  fail(trees.get('fingerprint')?.length === 32, 'a fingerprint of another size');
  fail(
    trees.get('header')?.length === numbers.fileHeader,
    'a copy of the file header of another size',
  );
  let last = 0;
  const roots = (trees.get('roots') ?? []).map((root) => {
    const entry = {};
    for (const { name } of root.schema.fields) entry[name] = root.get(name);
    fail(
      entry.table > last && entry.count >= 1n && entry.level <= numbers.maxTreeLevels,
      'an impossible root',
    );
    fail(entry.digest?.length === 32, 'a digest of another size');
    last = entry.table;
    return entry;
  });
  const features = (trees.get('features') ?? []).map((feature) => ({
    name: String(feature.get('name') ?? ''),
    since: String(feature.get('since') ?? ''),
    isRequired: feature.get('isRequired'),
  }));
  return {
    revision: holds,
    roots,
    features,
    fingerprint: trees.get('fingerprint'),
    checkpoint: trees.get('checkpoint'),
    writer: trees.get('writer'),
    header: trees.get('header'),
  };
}
