// What an older Node runs: the vectors, also with Node's own cryptography, whose OpenSSL is another one.
import { nodeCryptography } from "../src/node.ts";
import { runEverywhere } from "./everywhere.ts";

console.log(JSON.stringify(runEverywhere({ node: nodeCryptography })));
