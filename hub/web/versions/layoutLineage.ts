// Where each version stands in the picture of a lineage: generations upwards, order of birth to the right. Pure.
import type { VersionSummary } from "../../src/state.ts";

/** A version with its place. */
export interface LineageNode {
  readonly version: VersionSummary;
  readonly column: number;
  /** 0 for the lowest generation that is shown. */
  readonly row: number;
}

/** From a base to what was made of it. */
export interface LineageEdge {
  readonly from: LineageNode;
  readonly to: LineageNode;
}

/** A whole picture. */
export interface Lineage {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
  readonly columnCount: number;
  readonly rowCount: number;
}

/**
 * Lays versions out. Equal steps to the right, because a fleet makes ten versions in an hour and then none for a week.
 *
 * @param versions of one line, in any order
 */
export function layoutLineage(versions: readonly VersionSummary[]): Lineage {
  const sorted = [...versions].sort(
    (a, b) => a.createdAtMs - b.createdAtMs || (a.version < b.version ? -1 : 1),
  );
  const generations = [...new Set(sorted.map(({ generation }) => generation))].sort(
    (a, b) => a - b,
  );
  const rows = new Map(generations.map((generation, row) => [generation, row]));
  const nodes = sorted.map((version, column) => ({
    version,
    column,
    row: rows.get(version.generation) ?? 0,
  }));
  const byVersion = new Map(nodes.map((node) => [node.version.version, node]));
  const edges = nodes.flatMap((to) => {
    const from = to.version.base === null ? undefined : byVersion.get(to.version.base);
    return from === undefined ? [] : [{ from, to }];
  });
  return { nodes, edges, columnCount: nodes.length, rowCount: generations.length };
}
