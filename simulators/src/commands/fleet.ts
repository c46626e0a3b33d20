// npm run fleet: real people's data over a real broker. Reads flags and prints the table.
export {};
