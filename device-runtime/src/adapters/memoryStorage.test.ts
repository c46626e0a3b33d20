import { createMemoryStorage } from "./memoryStorage.ts";
import { storageContract } from "./storage.contract.ts";

storageContract("memory", () => {
  const storage = createMemoryStorage();
  // A memory lives as long as its object: the next process is the same object.
  return Promise.resolve({ storage, reopen: () => Promise.resolve(storage) });
});
