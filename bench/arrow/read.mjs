// Reads a sample store with Apache Arrow's own JavaScript library, a reader that shares no code with ours, and
// prints what `hanas samples info --json` can be held against. Run in a folder with the library:
//   npm install apache-arrow && node read.mjs samples.arrow
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { tableFromIPC } = createRequire(process.cwd() + "/")("apache-arrow");
const table = tableFromIPC(readFileSync(process.argv[2]));
const accuracy = [...table.getChild("accuracy")];
console.log(JSON.stringify({
  rows: table.numRows,
  distinct: new Set(table.getChild("arch")).size,
  splits: Object.fromEntries(["train", "val", "test"].map((s) => [s, [...table.getChild("split")].filter((v) => v === s).length])),
  accuracy: [accuracy.reduce((a, b) => Math.min(a, b)), accuracy.reduce((a, b) => Math.max(a, b))],
  columns: table.schema.fields.map((f) => `${f.name} ${f.type}`),
  metadata: Object.fromEntries(table.schema.metadata),
}, null, 2));
