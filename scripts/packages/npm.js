#!/usr/bin/env node
// Starts the binary of the package for this system, with the same arguments, streams and exit code.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const name = `highwater-${process.platform}-${process.arch}`;
let binary;
try {
  binary = require.resolve(`${name}/bin/highwater`);
} catch {
  console.error(`highwater: the package ${name} is not installed.`);
  console.error("It has the binary, for x86_64 Linux with glibc alone. npm leaves it out with --omit=optional or --no-optional.");
  // The exit code of a machine error.
  process.exit(4);
}

const child = spawn(binary, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends SIGINT to both processes, and `kill` to this one alone. The binary decides when it ends.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`highwater: cannot start ${binary}: ${error.message}`);
  process.exit(4);
});
child.on("exit", (code, signal) => {
  process.exit(signal ? 128 + constants.signals[signal] : code);
});
