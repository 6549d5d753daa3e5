// Holds AsyncAPI documents, with all that they refer to, against the specification: node check.mjs DOCUMENT...
//
// Prints a line of JSON for each: its faults, and what was read where there are none.

import { Parser } from '@asyncapi/parser';
import { readFile } from 'node:fs/promises';

const parser = new Parser();
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(await readFile(path, 'utf8'), { source: path });
  const errors = diagnostics.filter(({ severity }) => severity === 0);
  console.log(JSON.stringify({
    faults: errors.map(({ code, message, path: place }) => `${code} at ${place.join('.')}: ${message}`),
    channels: document?.channels().all().map((channel) => channel.address()) ?? [],
    messages: document?.messages().all().map((message) => message.id()) ?? [],
  }));
}
