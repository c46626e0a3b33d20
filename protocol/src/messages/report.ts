// Device to hub: counts only. Cumulative, so that a lost report loses nothing and a repeated one counts once.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type DeviceId,
  deviceIdSchema,
  type LineId,
  lineIdSchema,
  type ModelVersion,
  modelVersionSchema,
} from "../ids.ts";
import { REPORT_PAIRED_MAX } from "../limits.ts";
import type { DecisionSequence, EpochMs } from "../units.ts";
import { type PairedCounts, pairedCountsSchema } from "./contribution.ts";
import { type DriftReport, driftReportSchema } from "./driftReport.ts";
import { countSchema, epochMsSchema, reasonSchema } from "./fields.ts";

/** Everything that a device counts, since its enrolment, over all its users. */
export interface ReportCounts {
  readonly predictions: number;
  readonly feedback: number;
  /** Answers that feedback proved right. */
  readonly correct: number;
  /**
   * Windows above the package's out-of-distribution threshold, the same for everybody. Of a person who is unlike those whom the package knows it
   * counts more than are unusual for that person.
   */
  readonly outliers: number;
  readonly alarms: number;
  readonly trainings: number;
  readonly trainingSteps: number;
  readonly adopted: number;
  readonly dropped: number;
  /** Personal parameters given up again for the shared ones. */
  readonly reverted: number;
  readonly contributions: number;
}

/** Two shared versions compared within one device on windows that neither was trained on. */
export interface PairedReport extends PairedCounts {
  readonly champion: ModelVersion;
  readonly challenger: ModelVersion;
}

/** A metrics report. */
export interface Report {
  readonly device: DeviceId;
  readonly line: LineId;
  /** Rises by one per report; the hub keeps the highest. */
  readonly reportSequence: number;
  readonly atMs: EpochMs;
  /** The active shared version. */
  readonly active: ModelVersion;
  /** Users with parameters of their own. */
  readonly personalUsers: number;
  readonly users: number;
  /** Highest decision that the device has verified; 0 for none. */
  readonly decisionSequence: DecisionSequence;
  readonly counts: ReportCounts;
  readonly paired: readonly PairedReport[];
  /** What the device is doing or waiting for, as a person reads it. */
  readonly state: string;
  /** What has drifted; left out by devices that do not watch, or not yet. */
  readonly drift?: DriftReport | undefined;
}

export const reportMessage: MessageType<Report> = {
  kind: "report",
  schema: z.object({
    device: deviceIdSchema,
    line: lineIdSchema,
    reportSequence: z.int().check(z.minimum(1)),
    atMs: epochMsSchema,
    active: modelVersionSchema,
    personalUsers: countSchema,
    users: countSchema,
    decisionSequence: countSchema as unknown as z.ZodMiniType<DecisionSequence>,
    counts: z.object({
      predictions: countSchema,
      feedback: countSchema,
      correct: countSchema,
      outliers: countSchema,
      alarms: countSchema,
      trainings: countSchema,
      trainingSteps: countSchema,
      adopted: countSchema,
      dropped: countSchema,
      reverted: countSchema,
      contributions: countSchema,
    }),
    paired: z
      .array(
        z.intersection(
          z.object({ champion: modelVersionSchema, challenger: modelVersionSchema }),
          pairedCountsSchema,
        ),
      )
      .check(z.maxLength(REPORT_PAIRED_MAX)),
    state: reasonSchema,
    drift: driftReportSchema,
  }),
};
