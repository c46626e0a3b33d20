// Which report was sent last. It must not know what the counts mean.
import type { DriftReport, Report } from "@attune/protocol";

/** Kept on disk. */
export interface ReportState {
  /** Highest sequence that was used, a last will's included. */
  readonly sequence: number;
}

/** Not kept: after a restart the report is sent once more. */
export interface Reporting {
  /** The content that the hub has, or null when it must be told at once. */
  readonly lastContent: string | null;
  readonly lastSentMs: number | null;
  /** What is on its way. */
  readonly sending: {
    readonly report: Report;
    readonly content: string;
    readonly untilMs: number;
  } | null;
  /** What the broker says for us when the connection breaks. */
  readonly will: Report | null;
  /** What the users' monitors have found; null before the first user is there. */
  readonly drift: DriftReport | null;
}
