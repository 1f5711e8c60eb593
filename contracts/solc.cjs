#!/usr/bin/env node
// The solc of node_modules (WebAssembly) behind the two calls that forge makes of a native binary,
// so that the contracts compile offline with the compiler that package-lock.json pins.
"use strict";

const path = require("node:path");
const solc = require(path.join(__dirname, "..", "node_modules", "solc"));

function main(args) {
  if (args.includes("--version")) {
    process.stdout.write(
      `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`,
    );
    return 0;
  }
  if (args.includes("--standard-json")) {
    const input = require("node:fs").readFileSync(0, "utf8");
    process.stdout.write(solc.compile(input));
    return 0;
  }
  process.stderr.write("solc.cjs answers --version and --standard-json only\n");
  return 2;
}

process.exitCode = main(process.argv.slice(2));
