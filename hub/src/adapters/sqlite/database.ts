// The database file: opening, schema, transactions, and what SQLite throws. Sole owner of better-sqlite3. It must not know any
// table but through the SQL that it is handed.
import { Fault } from "@attune/protocol";
import Database from "better-sqlite3";
import { migrations } from "./schema.ts";

/** A row as SQLite gives it out. */
export type Row = Record<string, unknown>;

/** A statement that was prepared once. */
export interface SqlStatement {
  run(...params: unknown[]): { readonly changes: number };
  get(...params: unknown[]): Row | undefined;
  all(...params: unknown[]): Row[];
  iterate(...params: unknown[]): Iterable<Row>;
}

/** Gives out statements by their text; the same text is prepared once. */
export type Sql = (text: string) => SqlStatement;

/** An open database. */
export interface SqlDatabase {
  readonly sql: Sql;
  /** One transaction; what throws in it changes nothing. */
  transact<T>(work: () => T): T;
  close(): void;
}

/**
 * Opens a database, bringing its tables up to date.
 *
 * WAL with `synchronous=FULL`: a commit is on disk before it returns. The lock is exclusive: a second hub on the same folder
 * is refused, or both would give out the same sequence numbers.
 *
 * @throws Fault `store.locked`, `store.newer`, `store.io_failed`
 */
export function openSqlDatabase(file: string): SqlDatabase {
  const database = guarded(() => openDatabase(file));
  const statements = new Map<string, SqlStatement>();
  return {
    sql(text) {
      let statement = statements.get(text);
      if (statement === undefined) {
        statement = database.prepare<unknown[], Row>(text);
        statements.set(text, statement);
      }
      return statement;
    },
    transact: (work) => database.transaction(work).immediate(),
    close: () => void database.close(),
  };
}

/** Turns what SQLite throws into a {@link Fault}; our own pass. @throws Fault `store.locked`, `store.io_failed` */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (error.code.startsWith("SQLITE_BUSY")) {
      throw new Fault("another hub has this data folder open", {
        code: "store.locked",
        hint: "stop the other hub, or start this one with another data folder",
        cause: error,
      });
    }
    throw new Fault(`the database failed: ${error.message}`, {
      code: "store.io_failed",
      hint: "look at the disk's free space and rights, then start the hub again; nothing receipted is lost",
      cause: error,
    });
  }
}

function openDatabase(file: string): Database.Database {
  // A killed hub leaves no lock: waiting longer would only delay the message.
  const database = new Database(file, { timeout: 250 });
  try {
    database.pragma("locking_mode = EXCLUSIVE");
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    const version = database.pragma("user_version", { simple: true }) as number;
    if (version > migrations.length) {
      throw new Fault(`${file} was written by a newer hub (schema ${version})`, {
        code: "store.newer",
        hint: `this hub knows schema ${migrations.length}: update it, or point it at another folder`,
      });
    }
    database
      .transaction(() => {
        for (const step of migrations.slice(version)) database.exec(step);
        database.pragma(`user_version = ${migrations.length}`);
      })
      .exclusive();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Bytes of a column, copied, so that nobody holds on to a buffer of SQLite's. */
export function toBytes(value: unknown): Uint8Array {
  return new Uint8Array(value as Uint8Array);
}
