// A revision's content as one JSON document or as JSON lines, as `sessiontool export` writes it.

import { print, quote } from './json.mjs';
import { recordToJson } from './records.mjs';
import { tables } from './session.mjs';
import { textOf } from './text.mjs';

function contentOf(revision) {
  return tables
    .filter(({ role }) => role === 'content')
    .map((table) => ({
      table,
      records: [...revision.walk(table)].map(([key, record]) => [
        textOf(key),
        print(recordToJson(record, revision)),
      ]),
    }))
    .filter(({ records }) => records.length > 0);
}

export function toJson(revision) {
  const parts = contentOf(revision).map(({ table, records }) => {
    const lines = records.map(([key, record]) => `${quote(key)}:${record}`);
    return `,\n"${table.name}":{\n${lines.join(',\n')}\n}`;
  });
  return `{\n"schema":"sessiontool.session/1"${parts.join('')}\n}\n`;
}

export function toJsonLines(revision) {
  return contentOf(revision)
    .flatMap(({ table, records }) =>
      records.map(
        ([key, record]) => `{"table":"${table.name}","key":${quote(key)},"record":${record}}\n`,
      ),
    )
    .join('');
}
