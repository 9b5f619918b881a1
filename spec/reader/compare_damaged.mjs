#!/usr/bin/env node
// Damages copies of every vector and golden file at random (a flipped bit, a cut, a stretch of
// zeros) and asks this reader and the tool what they make of each: both must show the same text, or
// refuse at the same offset.
//
//   node spec/reader/compare_damaged.mjs --tool SESSIONTOOL [--cases 40] [--seed 1]
//
// `cases` is how many for each file.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SessionError } from './errors.mjs';
import { toJson } from './export.mjs';
import { Session } from './session.mjs';

const { values } = parseArgs({
  options: {
    tool: { type: 'string' },
    cases: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
  },
});
const kZeroedBytes = 512;

// A linear congruential generator, by Knuth.
let state = BigInt(values.seed);
function random(limit) {
  state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  return Number((state >> 33n) % BigInt(limit));
}

function damaged(bytes) {
  const copy = Buffer.from(bytes);
  const at = random(copy.length);
  switch (random(3)) {
    case 0:
      copy[at] ^= 1 << random(8);
      return copy;
    case 1:
      return copy.subarray(0, at);
    default:
      return copy.fill(0, at, Math.min(copy.length, at + kZeroedBytes));
  }
}

async function whatReaderSays(path) {
  try {
    return toJson((await Session.open(path)).newest);
  } catch (error) {
    if (error instanceof SessionError) return `refused at ${error.offset ?? 'no place'}`;
    throw error;
  }
}

function whatToolSays(path) {
  const { status, signal, stdout, stderr, error } = spawnSync(
    values.tool,
    ['export', path, '--to', 'json'],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (error) throw error;
  if (status === 0) return stdout;
  if (status !== 5) return `ended with ${signal ?? status}: ${stderr}`;
  return `refused at ${/\boffset (\d+)/.exec(stderr)?.[1] ?? 'no place'}`;
}

function shorten(text) {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

const scratch = mkdtempSync(`${tmpdir()}/damaged-`);
let cases = 0;
let refused = 0;
let differences = 0;
try {
  for (const folder of ['../vectors/', '../../tests/golden/']) {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    for (const name of readdirSync(path).filter((each) => each.endsWith('.session'))) {
      const bytes = readFileSync(path + name);
      for (let i = 0; i < Number(values.cases); ++i) {
        const file = `${scratch}/${i}-${name}`;
        writeFileSync(file, damaged(bytes));
        const [ours, theirs] = [await whatReaderSays(file), whatToolSays(file)];
        ++cases;
        if (ours.startsWith('refused')) ++refused;
        if (ours !== theirs) {
          ++differences;
          process.stderr.write(`${name}, case ${i}: the reader: ${shorten(ours)}\n`);
          process.stderr.write(`${name}, case ${i}: the tool: ${shorten(theirs)}\n`);
        }
        rmSync(file);
      }
    }
  }
} finally {
  rmSync(scratch, { recursive: true });
}
process.stdout.write(
  `seed ${values.seed}: ${cases} damaged files, ${refused} refused, ${differences} differences\n`,
);
process.exitCode = cases > 0 && differences === 0 ? 0 : 1;
