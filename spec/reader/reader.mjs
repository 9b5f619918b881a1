#!/usr/bin/env node
// Prints what a session file holds, as `sessiontool export --to json` does.
//
//   node spec/reader/reader.mjs FILE[@REVISION] [--to json|jsonl]
//
// Ends with 0; 2 for wrong usage, 4 if the file cannot be read, 5 if it is no session file, is
// damaged or needs a newer reader, 10 if there is no such revision.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SessionError } from './errors.mjs';
import { toJson, toJsonLines } from './export.mjs';
import { Session } from './session.mjs';

const kWriters = { json: toJson, jsonl: toJsonLines };

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { to: { type: 'string', default: 'json' } },
  });
  if (positionals.length !== 1 || !kWriters[values.to]) {
    throw new SessionError('usage', 'reader.mjs FILE[@REVISION] [--to json|jsonl]');
  }
  const [whole, file, number] = /^(.*)@([0-9]+)$/s.exec(positionals[0]) ?? [];
  if (whole === undefined || existsSync(whole))
    return { path: positionals[0], write: kWriters[values.to] };
  return { path: file, number: BigInt(number), write: kWriters[values.to] };
}

function exitCode(error) {
  if (error.code === 'usage' || error.code?.startsWith('ERR_PARSE_ARGS')) return 2;
  if (error instanceof SessionError) return error.code === 'not_found' ? 10 : 5;
  return error.syscall ? 4 : 6;
}

try {
  const { path, number, write } = readArguments();
  const session = await Session.open(path);
  process.stdout.write(write(number === undefined ? session.newest : session.revision(number)));
} catch (error) {
  const place = error.offset === undefined ? '' : ` at offset ${error.offset}`;
  process.stderr.write(`reader${place}: ${error.message}
`);
  process.exitCode = exitCode(error);
}
