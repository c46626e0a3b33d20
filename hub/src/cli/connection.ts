// Which hub, and with which token: flags, then environment, then what `attune hub start` left in the data folder.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError, exitCodes } from "./exitCodes.ts";
import { isPrivateFile, writePrivateFile } from "./privateFile.ts";

/** What a person may give on the command line. */
export interface ConnectionFlags {
  readonly hub?: string | undefined;
  readonly token?: string | undefined;
  readonly data: string;
}

/** Where the hub is and how to be let in. */
export interface Connection {
  readonly url: string;
  readonly token: string | null;
  /** Where each part came from, for `doctor`. */
  readonly urlFrom: "flag" | "environment" | "data folder" | "default";
  readonly tokenFrom: "flag" | "environment" | "data folder" | null;
}

/** The file that `attune hub start` leaves for the commands that follow; readable by its owner only. */
export interface OperatorFile {
  readonly url: string;
  readonly token: string;
  /** Of role `viewer`, for the page's address: a browser needs no more. */
  readonly pageToken?: string;
}

/** Where a hub listens when nobody says otherwise. */
export const DEFAULT_HTTP_PORT = 7700;

const operatorPath = (dataFolder: string): string => join(dataFolder, "operator.json");

/**
 * Finds hub and token.
 *
 * The token in the data folder goes to the hub that wrote it and to no other: with `--hub` elsewhere it stays here.
 *
 * @throws CommandError when the file cannot be read, is not private, or an address is none
 */
export function findConnection(
  flags: ConnectionFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Connection {
  const named: Pick<Connection, "url" | "urlFrom"> | null =
    flags.hub !== undefined
      ? { url: flags.hub, urlFrom: "flag" }
      : isSet(environment["ATTUNE_HUB"])
        ? { url: environment["ATTUNE_HUB"], urlFrom: "environment" }
        : null;
  const file = readOperatorFile(flags.data);
  const { url, urlFrom } =
    named ??
    (file === null
      ? { url: `http://127.0.0.1:${DEFAULT_HTTP_PORT}`, urlFrom: "default" as const }
      : { url: file.url, urlFrom: "data folder" as const });
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CommandError(
      exitCodes.usage,
      "hub.address_invalid",
      `${url} is not the address of a hub`,
      "write it like http://127.0.0.1:7700",
    );
  }
  if (flags.token !== undefined) return { url, urlFrom, token: flags.token, tokenFrom: "flag" };
  const fromEnvironment = environment["ATTUNE_TOKEN"];
  if (isSet(fromEnvironment)) {
    return { url, urlFrom, token: fromEnvironment, tokenFrom: "environment" };
  }
  return file !== null && new URL(file.url).origin === new URL(url).origin
    ? { url, urlFrom, token: file.token, tokenFrom: "data folder" }
    : { url, urlFrom, token: null, tokenFrom: null };
}

/** Reads what the hub left, or `null` when it left nothing. */
export function readOperatorFile(dataFolder: string): OperatorFile | null {
  const path = operatorPath(dataFolder);
  if (!existsSync(path)) return null;
  if (!isPrivateFile(path)) {
    throw new CommandError(
      exitCodes.failed,
      "operator.token_exposed",
      `${path} can be read by others`,
      `chmod 600 ${path}, and if somebody may have read it, make another token with: attune access create --role admin`,
    );
  }
  try {
    const { url, token, pageToken } = JSON.parse(
      readFileSync(path, "utf8"),
    ) as Partial<OperatorFile>;
    if (typeof url === "string" && typeof token === "string") {
      return { url, token, ...(typeof pageToken === "string" ? { pageToken } : {}) };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CommandError(
    exitCodes.failed,
    "operator.file_damaged",
    `${path} is not what a hub wrote`,
    "remove it and give --hub and --token, or start the hub again",
  );
}

/** Leaves hub and token for the commands that follow. */
export function writeOperatorFile(dataFolder: string, file: OperatorFile): void {
  writePrivateFile(operatorPath(dataFolder), `${JSON.stringify(file, null, 2)}\n`);
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== "";
