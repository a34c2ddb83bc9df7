// Holds events of the Elastic Common Schema, one a line, to the schema as its makers publish it, in the versions before and after
// 8.17: node ecs.mjs FILE. Prints how many there were.
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const require = createRequire(path.join(process.env.NODE_PATH ?? ".", "_"));
const schemas = ["@elastic/ecs-8", "@elastic/ecs"].map((name) => require(name));
assert.deepEqual(schemas.map((schema) => schema.EcsVersion), ["8.11.0", "9.4.0"]);

const isText = (value) => typeof value === "string";
// What a value of a type is. A field of another type ends the check.
const types = {
  date: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value),
  ip: (value) => isText(value) && net.isIP(value) !== 0,
  keyword: (value) => isText(value) && value !== "",
  long: Number.isSafeInteger,
  match_only_text: isText,
  wildcard: (value) => isText(value) && value !== "",
};

/** The values of an event with the names of their fields. What is below `onrecord` is ours. */
function* leaves(value, name = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    yield [name, value];
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    if (name !== "" || key !== "onrecord") yield* leaves(member, name === "" ? key : `${name}.${key}`);
  }
}

function judge(event, { EcsFlat: fields, EcsVersion: version }) {
  const at = `ECS ${version}, ${JSON.stringify(event)}`;
  for (const [name, value] of leaves(event)) {
    const field = fields[name];
    assert(field, `there is no field ${name}: ${at}`);
    assert.equal(Array.isArray(value), field.normalize.includes("array"), `whether ${name} is a list: ${at}`);
    for (const one of [value].flat()) {
      assert(types[field.type], `${name} has the type ${field.type}, which is not looked at`);
      assert(types[field.type](one), `${name} is not of the type ${field.type}: ${at}`);
      const allowed = field.allowed_values?.map((known) => known.name);
      assert(!allowed || allowed.includes(one), `${name} must be one of ${allowed}: ${at}`);
    }
  }
  for (const category of event.event.category) {
    const expected = fields["event.category"].allowed_values.find((known) => known.name === category).expected_event_types;
    for (const type of event.event.type) assert(expected.includes(type), `${type} is not a type of ${category}: ${at}`);
  }
}

let events = 0;
for (const line of fs.readFileSync(process.argv[2], "utf8").split("\n")) {
  if (line === "") continue;
  const event = JSON.parse(line);
  for (const required of [event["@timestamp"], event.event.kind, event.event.outcome]) assert(required, line);
  assert.equal(event.ecs.version, "8.17.0");
  schemas.forEach((schema) => judge(event, schema));
  events += 1;
}
console.log(events);
