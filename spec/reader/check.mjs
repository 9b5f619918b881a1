#!/usr/bin/env node
// Reads every test vector and golden file, and compares what it finds with what stands beside them;
// with a tool, with what that exports as well, byte for byte. Then damages files, one bit in each
// frame, and sees that each is refused, with the right offset.
//
//   node spec/reader/check.mjs [--tool SESSIONTOOL]

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SessionError } from './errors.mjs';
import { toJson, toJsonLines } from './export.mjs';
import { FrameFile, kinds } from './frames.mjs';
import { sha256 } from './hashes.mjs';
import { parse, print, quote } from './json.mjs';
import { openMessage } from './message.mjs';
import { recordToJson } from './records.mjs';
import { Session, tables } from './session.mjs';

const kMaxDepth = 600;
const folderOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const vectors = folderOf('../vectors/');
const golden = folderOf('../../tests/golden/');
const { tool } = parseArgs({ options: { tool: { type: 'string' } } }).values;

let comparisons = 0;
const failures = [];

function same(what, found, expected) {
  ++comparisons;
  if (found !== expected)
    failures.push(`${what}: found ${shorten(found)}, expected ${shorten(expected)}`);
}

function shorten(text) {
  return String(text).length > 200 ? `${String(text).slice(0, 200)}...` : String(text);
}

function namesIn(folder, extension) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => name.slice(0, -extension.length));
}

async function openBytes(bytes) {
  return new Session(await FrameFile.open(bytes));
}

// ---- vectors ------------------------------------------------------------------------------------

// The members of `expected` that `found` has, as one text each.
function sameMembers(what, found, expected) {
  for (const [name, value] of Object.entries(found))
    same(`${what}.${name}`, String(value), print(expected.get(name)));
}

function compareFile(name, { file, head }, expected) {
  const { header } = file;
  sameMembers(
    `${name} header`,
    {
      major: header.major,
      minor: header.minor,
      leaf_target_log2: header.leafTargetLog2,
      index_target_log2: header.indexTargetLog2,
      file_id: `"${header.fileId.toString('hex')}"`,
      created_nanos: header.created,
      file_tag: `"${header.tag.toString(16).padStart(16, '0')}"`,
    },
    expected.get('header'),
  );
  sameMembers(
    `${name} head`,
    {
      revision: head.commit.revision,
      commit_offset: head.commit.frame.offset,
      end: head.end,
      sealed: head.isSealed,
      tail_bytes: head.tailBytes,
      reserve_bytes: head.reserveBytes,
    },
    expected.get('head'),
  );
}

function compareRevision(name, revision, expected) {
  const { commit } = revision;
  const checkpoint = commit.trees?.checkpoint;
  sameMembers(
    name,
    {
      parent: commit.parentRevision,
      kind: commit.isSnapshot ? '"snapshot"' : '"delta"',
      time_nanos: commit.time,
      offset: commit.frame.offset,
      message: quote(String(commit.message ?? '')),
      checkpoint: checkpoint ? quote(String(checkpoint)) : null,
      upserts: commit.upsertCount,
      erases: commit.eraseCount,
      ...(commit.isSnapshot && { fingerprint: `"${commit.trees.fingerprint.toString('hex')}"` }),
    },
    expected,
  );
  for (const table of tables.filter(({ role }) => role !== 'derived')) {
    compareTable(
      `${name} ${table.name}`,
      revision,
      table,
      expected.get('tables').get(table.name) ?? [],
    );
  }
  same(
    `${name} children`,
    print(childrenOf(revision), true),
    print(expected.get('children'), true),
  );
  same(`${name} blobs`, blobsOf(revision), print(expected.get('blobs') ?? []));
}

// The canonical form decides: read alone, it must say the same as the record in its page.
function compareTable(name, revision, table, expected) {
  const records = [...revision.walk(table)];
  same(`${name} count`, records.length, expected.length);
  expected.forEach((entry, i) => {
    const [key, record] = records[i] ?? [];
    same(`${name} key`, key?.toString(), entry.get('key'));
    if (!record) return;
    const segment = Buffer.from(entry.get('canonical'), 'hex');
    const framing = Buffer.alloc(8);
    framing.writeUInt32LE(segment.length / 8, 4);
    const alone = openMessage(Buffer.concat([framing, segment]), table.schema, 0);
    const shown = print(recordToJson(record, revision));
    same(`${name} ${key}`, shown, print(recordToJson(alone, revision)));
    if (!entry.get('record').has('blobs'))
      same(`${name} ${key}`, shown, print(entry.get('record')));
  });
}

function childrenOf(revision) {
  const children = new Map();
  for (const [key] of revision.walk(tables.find(({ name }) => name === 'tasks'))) {
    children.set(key.toString(), []);
  }
  const tasks = [...children.keys()].map((key) => ({
    key,
    record: revision.lookUp(tables[1], Buffer.from(key)),
  }));
  const result = new Map();
  const sorted = tasks.sort((a, b) => {
    const [x, y] = [a.record.get('rank'), b.record.get('rank')];
    return x === y ? Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) : x < y ? -1 : 1;
  });
  for (const { key, record } of sorted) {
    const parent = String(record.get('parent') ?? '');
    result.set(parent, [...(result.get(parent) ?? []), key]);
  }
  return result;
}

function blobsOf(revision) {
  const blobs = tables.find(({ name }) => name === 'blobs');
  const list = [...revision.walk(blobs)].map(([key, record]) => {
    const content = revision.blob(key);
    const begins = quote(content.subarray(0, 16).toString());
    const size = `"size_bytes":${content.length},"parts":${record.get('parts').length}`;
    return `{"sha256":"${key.toString('hex')}",${size},"begins":${begins}}`;
  });
  return `[${list.join(',')}]`;
}

async function compareVector(name) {
  const expected = parse(readFileSync(`${vectors}${name}.json`, 'utf8'), kMaxDepth);
  const bytes = readFileSync(`${vectors}${name}.session`);
  if (expected.has('error')) return expectError(name, bytes, expected.get('error'));
  const session = await openBytes(bytes);
  compareFile(name, session, expected);
  const revisions = expected.get('revisions');
  same(
    `${name} revisions`,
    session.revisionNumbers().join(),
    revisions.map((each) => print(each.get('revision'))).join(),
  );
  for (const each of revisions) {
    const number = BigInt(print(each.get('revision')));
    compareRevision(`${name}@${number}`, session.revision(number), each);
  }
}

async function expectError(name, bytes, expected) {
  const error = await refusal(bytes);
  same(`${name} error`, error?.code, expected.get('code'));
  for (const word of expected.get('mentions'))
    same(`${name} mentions ${word}`, error?.message.includes(word), true);
}

// ---- golden files -------------------------------------------------------------------------------

async function compareGolden(name) {
  const session = await openBytes(readFileSync(`${golden}${name}.session`));
  const lines = readFileSync(`${golden}${name}.txt`, 'utf8').trim().split('\n');
  same(
    `${name} revisions`,
    session.revisionNumbers().reverse().join(),
    lines.map((line) => line.split(' ')[0]).join(),
  );
  for (const line of lines) {
    const [number, kind, fingerprint, digest] = line.split(' ');
    const revision = session.revision(BigInt(number));
    const { isSnapshot, trees } = revision.commit;
    same(`${name}@${number} kind`, isSnapshot ? 'snapshot' : 'delta', kind);
    if (isSnapshot)
      same(`${name}@${number} fingerprint`, trees.fingerprint.toString('hex'), fingerprint);
    same(`${name}@${number} as jsonl`, sha256(toJsonLines(revision)).toString('hex'), digest);
  }
}

// ---- what the tool says -------------------------------------------------------------------------

async function compareWithTool(path) {
  const run = (file) =>
    spawnSync(tool, ['export', file, '--to', 'json'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const session = await Session.open(path).catch((error) => error);
  const { status, stdout, error } = run(path);
  if (error) throw error;
  if (session instanceof Error) return same(`${path} is refused by the tool`, status, 5);
  same(`${path} as the tool has it`, toJson(session.newest), stdout);
  for (const number of session.revisionNumbers()) {
    same(
      `${path}@${number} as the tool has it`,
      toJson(session.revision(number)),
      run(`${path}@${number}`).stdout,
    );
  }
}

// ---- damage -------------------------------------------------------------------------------------

// Everything that every revision holds.
function readAll(session) {
  for (const number of session.revisionNumbers()) {
    const revision = session.revision(number);
    for (const table of tables) {
      for (const [, record] of revision.walk(table)) recordToJson(record, revision);
    }
    blobsOf(revision);
  }
}

// Why these bytes are refused; undefined if they are not.
async function refusal(bytes) {
  try {
    readAll(await openBytes(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof SessionError) return error;
    throw error;
  }
}

function framesOf({ file, head }) {
  const frames = [];
  for (let offset = 64; offset < head.end; offset = frames.at(-1).end)
    frames.push(file.frameHeader(offset));
  return frames.filter(({ kind }) => kind !== kinds.seal && kind !== kinds.parity);
}

// A bit in each frame's header and payload. What the head vouches for is damage of the head. A page
// that only dropped revisions needed would not be missed; the vectors have none.
async function damage(name) {
  const bytes = readFileSync(`${vectors}${name}.session`);
  const session = await openBytes(bytes).catch(() => undefined);
  if (!session?.head.isSealed) return;
  const { frame, unsyncedBytes } = session.head.commit;
  for (const { offset, storedSize } of framesOf(session)) {
    const isVouchedFor = offset >= frame.offset - Number(unsyncedBytes);
    for (const place of [offset + 9, offset + 64 + (storedSize >> 1)]) {
      const damaged = Buffer.from(bytes);
      damaged[place] ^= 16;
      const error = await refusal(damaged);
      const found = isVouchedFor ? frame.offset : place < offset + 64 ? offset : offset + 64;
      same(`${name} damaged at ${place}`, `${error?.code} ${error?.offset}`, `damaged ${found}`);
    }
  }
}

const vectorNames = namesIn(vectors, '.session');
const goldenNames = namesIn(golden, '.session');
for (const name of vectorNames) await compareVector(name);
for (const name of goldenNames) await compareGolden(name);
for (const name of vectorNames) await damage(name);
if (tool !== undefined) {
  const paths = [
    ...vectorNames.map((name) => `${vectors}${name}.session`),
    ...goldenNames.map((name) => `${golden}${name}.session`),
  ];
  for (const path of paths) await compareWithTool(path);
}
const kShownFailures = 20;
for (const failure of failures.slice(0, kShownFailures))
  process.stderr.write(`FAILED ${failure}\n`);
const files = `${vectorNames.length} vectors and ${goldenNames.length} golden files`;
process.stdout.write(`${files}: ${comparisons} comparisons, ${failures.length} failed
`);
process.exitCode = failures.length === 0 && comparisons > 0 ? 0 : 1;
