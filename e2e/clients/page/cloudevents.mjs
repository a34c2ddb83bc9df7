// Reads CloudEvents, one a line, with the library of their project, which holds each to its schema: node cloudevents.mjs FILE.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.env.NODE_PATH ?? ".", "_"));
const { CloudEvent } = require("cloudevents");
let events = 0;
for (const line of fs.readFileSync(process.argv[2], "utf8").split("\n")) {
  if (line === "") continue;
  const event = new CloudEvent(JSON.parse(line), true);
  event.validate();
  events += 1;
}
console.log(events);
