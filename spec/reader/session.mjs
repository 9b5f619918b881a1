// Sections 7, 8, 11 and 15: revisions, their records and blobs. Pages are read when they are
// needed, and checked then: hashes, form, order of the keys, counts, and the digest their parent
// names.

import { readFileSync } from 'node:fs';
import { SessionError, ensure, toNumber } from './errors.mjs';
import { FrameFile } from './frames.mjs';
import { sha256 } from './hashes.mjs';
import { findHead } from './head.mjs';
import * as numbers from './numbers.mjs';
import {
  fingerprint,
  indexDigest,
  leafDigest,
  openCommit,
  openIndex,
  openLeaf,
  readLeaf,
} from './pages.mjs';
import { structNamed } from './schema.mjs';

// Section 5, by number from 1.
export const tables = [
  ['session', 'SessionRecord', 'content'],
  ['tasks', 'Task', 'content'],
  ['executions', 'Execution', 'content'],
  ['messages', 'Message', 'content'],
  ['files', 'File', 'content'],
  ['events', 'Event', 'content'],
  ['values', 'Value', 'content'],
  ['upkeep', 'Upkeep', 'bookkeeping'],
  ['checkpoints', 'Checkpoint', 'bookkeeping'],
  ['recoveries', 'Recovery', 'bookkeeping'],
  ['children', 'Child', 'derived'],
  ['blobs', 'Blob', 'derived'],
  ['revisions', 'Revision', 'derived'],
].map(([name, record, role], i) => ({ number: i + 1, name, schema: structNamed(record), role }));

const tableNamed = new Map(tables.map((table) => [table.name, table]));

export class Session {
  static async open(path) {
    return new Session(await FrameFile.open(readFileSync(path)));
  }

  constructor(file) {
    this.file = file;
    this.head = findHead(file);
    this.newest = this.load(this.head.commit);
  }

  commitAt(offset) {
    ensure(offset <= this.head.commit.frame.offset, 'link', offset, 'a commit behind the head');
    return openCommit(this.file.frameOf('commit', offset));
  }

  load(commit) {
    return new Revision(this, commit, this.chainOf(commit));
  }

  // From the commit back to the one whose trees it stands on, and on to what those trees lack.
  chainOf(commit) {
    const chain = [commit];
    let bytes = commit.frame.rawSize;
    const addParent = () => {
      const child = chain.at(-1);
      const parent = this.commitAt(child.frame.home);
      ensure(
        parent.revision === child.parentRevision,
        'link',
        parent.frame.offset,
        `revision ${parent.revision} where ${child.parentRevision} should be`,
      );
      bytes += parent.frame.rawSize;
      ensure(
        chain.length < numbers.maxChainDeltas && bytes <= numbers.maxChain,
        'link',
        commit.frame.offset,
        'a chain of commits that is too long',
      );
      chain.push(parent);
    };
    while (!chain.at(-1).trees) addParent();
    const { trees } = chain.at(-1);
    refuseUnknownFeatures(trees);
    while (chain.at(-1).revision > trees.revision && chain.at(-1).parentRevision > trees.revision)
      addParent();
    chain.trees = trees;
    return chain;
  }

  revision(number) {
    const inChain = this.newest.chain.find((commit) => commit.revision === number);
    if (inChain) return this.load(inChain);
    const key = Buffer.alloc(8);
    key.writeBigUInt64BE(number);
    const record = this.newest.lookUp(tableNamed.get('revisions'), key);
    if (!record) throw new SessionError('not_found', `there is no revision ${number}`);
    const offset = toNumber(record.get('offset'), record.offset, 'an offset');
    const commit = this.commitAt(offset);
    ensure(
      commit.revision === number,
      'link',
      offset,
      `revision ${commit.revision}, not ${number}`,
    );
    return this.load(commit);
  }

  // The numbers of all kept revisions, oldest first.
  revisionNumbers() {
    const listed = [...this.newest.walk(tableNamed.get('revisions'))].map(([key]) =>
      key.readBigUInt64BE(0),
    );
    const chain = this.newest.chain.map((commit) => commit.revision);
    return [...new Set([...listed, ...chain])].sort((a, b) => (a < b ? -1 : 1));
  }
}

const kKnownFeatures = ['zstd-prefix'];

function refuseUnknownFeatures({ features }) {
  for (const { name, since, isRequired } of features) {
    if (!isRequired || kKnownFeatures.includes(name)) continue;
    throw new SessionError(
      'newer_version',
      `this session needs the feature "${name}", which ${since} has`,
    );
  }
}

// The state of one revision: trees, and above them what deltas changed.
export class Revision {
  constructor(session, commit, chain) {
    this.session = session;
    this.commit = commit;
    this.chain = chain;
    this.roots = new Map(chain.trees.roots.map((root) => [root.table, root]));
    this.overlays = overlaysOf(chain);
    this.checkFingerprint();
  }

  checkFingerprint() {
    const { trees } = this.chain;
    const content = tables.filter(({ role }) => role === 'content');
    const roots = content.map(({ number }) => this.roots.get(number)).filter(Boolean);
    ensure(
      fingerprint(roots).equals(trees.fingerprint),
      'structure',
      this.chain.at(-1).frame.offset,
      'the fingerprint is not that of the trees',
    );
  }

  // Every record by rising key, [[key, Record], ...].
  *walk(table) {
    const changes = sortedOverlay(this.overlays.get(table.number));
    let next = 0;
    for (const [key, record] of this.walkTree(table)) {
      while (next < changes.length && Buffer.compare(changes[next][0], key) < 0)
        yield* written(changes[next++]);
      if (next < changes.length && changes[next][0].equals(key)) yield* written(changes[next++]);
      else yield [key, record];
    }
    while (next < changes.length) yield* written(changes[next++]);
  }

  *walkTree(table) {
    const root = this.roots.get(table.number);
    if (!root) return;
    const below = yield* this.walkPage(table, root, root.level, { last: Buffer.alloc(0) });
    ensure(
      below === root.count,
      'structure',
      Number(root.offset),
      'a tree with another number of records than its root says',
    );
  }

  // Gives back how many records stood below.
  *walkPage(table, child, level, position) {
    const page = this.page(table, child, level);
    if (level === 0) {
      const [first] = page[0];
      ensure(
        position.last.length === 0 || Buffer.compare(position.last, first) < 0,
        'structure',
        Number(child.offset),
        'keys that do not lie behind those of the page before',
      );
      yield* page;
      position.last = page.at(-1)[0];
    }
    let count = level === 0 ? BigInt(page.length) : 0n;
    for (const entry of level === 0 ? [] : page) {
      const below = yield* this.walkPage(table, entry, level - 1, position);
      ensure(
        below === entry.count && position.last.equals(entry.key),
        'structure',
        Number(entry.offset),
        'a page with another last key or number of records than the page above says',
      );
      count += below;
    }
    return count;
  }

  // What a leaf or index page holds, after all its checks.
  page(table, { offset, storedSize, digest }, level) {
    const { file } = this.session;
    const at = toNumber(offset, 0, 'an offset');
    const frame = file.frameOf(level === 0 ? 'leaf' : 'index', at);
    ensure(
      frame.table === table.number && frame.storedSize === storedSize,
      'link',
      at,
      'another page than the one that is pointed to',
    );
    const page = level === 0 ? openLeaf(frame, table.schema) : openIndex(frame, level);
    const found = level === 0 ? leafDigest(frame.payload) : indexDigest(level, page);
    ensure(
      found.equals(digest),
      'structure',
      at,
      'a page with another digest than what points to it says',
    );
    return page;
  }

  // The record of that key, or undefined.
  lookUp(table, key) {
    const change = this.overlays.get(table.number)?.get(key.toString('latin1'));
    if (change) return change.record;
    let child = this.roots.get(table.number);
    if (!child) return undefined;
    for (let { level } = child; level > 0; --level) {
      child = this.page(table, child, level).find((entry) => Buffer.compare(entry.key, key) >= 0);
      if (!child) return undefined;
    }
    return this.page(table, child, 0).find(([at]) => at.equals(key))?.[1];
  }

  // The content of a blob, whole and checked.
  blob(digest) {
    const lost = (message) =>
      new SessionError('damaged', `the blob ${digest.toString('hex')} ${message}`);
    const record = this.lookUp(tableNamed.get('blobs'), digest);
    if (!record) throw lost('is in no table');
    if (record.get('sizeBytes') > BigInt(numbers.maxBlob)) throw lost('is larger than any');
    const parts = (record.get('parts') ?? []).map((part) => this.blobPart(part));
    const content = Buffer.concat(parts);
    if (BigInt(content.length) !== record.get('sizeBytes')) throw lost('has another size');
    if (!sha256(content).equals(digest)) throw lost('does not hash to its key');
    return content;
  }

  blobPart(part) {
    const at = toNumber(part.get('offset'), part.offset, 'an offset');
    const frame = this.session.file.frameOf('blob', at);
    ensure(
      frame.storedSize === part.get('storedBytes') && frame.rawSize === part.get('sizeBytes'),
      'link',
      at,
      'a blob of another size',
    );
    return frame.payload;
  }
}

function overlaysOf(chain) {
  const overlays = new Map();
  for (const commit of [...chain].reverse()) {
    if (commit.revision <= chain.trees.revision) continue;
    for (const { table: number, upserts, erased } of commit.changes) {
      const table = tables[number - 1];
      if (!table) continue; // of a later version, and not required
      if (!overlays.has(number)) overlays.set(number, new Map());
      const overlay = overlays.get(number);
      for (const key of erased) overlay.set(key.toString('latin1'), { key });
      if (!upserts) continue;
      for (const [key, record] of readLeaf(upserts, table.schema, commit.frame.offset)) {
        overlay.set(key.toString('latin1'), { key, record });
      }
    }
  }
  return overlays;
}

function sortedOverlay(overlay) {
  const changes = [...(overlay?.values() ?? [])].map(({ key, record }) => [key, record]);
  return changes.sort(([a], [b]) => Buffer.compare(a, b));
}

function* written([key, record]) {
  if (record) yield [key, record];
}
