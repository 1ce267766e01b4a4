/** The linear map after which values have mean 0 and no correlation. Pure. */

export interface Whitening {
  /** W with WᵀW = Σ⁻¹: a lower triangle, row by row. */
  readonly factor: readonly number[];
  /** W μ */
  readonly offset: readonly number[];
}

/**
 * Of values in units of their own spread, feature by feature: the inverse of Cholesky's factor of their covariance. It is
 * drawn towards the identity by d / (n + d), so that it can be inverted, and does not trust what n samples cannot tell of d
 * features (as Ledoit, Wolf 2004, with a weight that depends on nothing but the counts).
 */
export function inverseFactor(columns: readonly (readonly number[])[]): Whitening {
  const samples = columns[0]?.length ?? 0;
  const means = columns.map(meanOf);
  const centred = columns.map((values, at) => values.map((value) => value - (means[at] ?? 0)));
  const weight = columns.length / (samples + columns.length);
  const covariance = centred.map((one, row) =>
    centred.slice(0, row + 1).map((other, column) => {
      const shared = dot(one, other) / Math.max(1, samples - 1);
      return (1 - weight) * shared + (row === column ? weight : 0);
    }),
  );
  const inverse = inverted(cholesky(covariance));
  return { factor: inverse.flat(), offset: inverse.map((row) => dot(row, means)) };
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Rows of a lower triangle. */
type Triangle = readonly (readonly number[])[];

/** L with L Lᵀ = `matrix`, which is positive definite. */
function cholesky(matrix: Triangle): Triangle {
  const lower: number[][] = [];
  for (const [row, values] of matrix.entries()) {
    const made: number[] = [];
    lower.push(made);
    for (const [column, value] of values.entries()) {
      const left = value - dot(made, lower[column]?.slice(0, column) ?? []);
      made.push(column === row ? Math.sqrt(left) : left / (lower[column]?.[column] ?? 1));
    }
  }
  return lower;
}

/** By substitution, column by column of the identity. */
function inverted(lower: Triangle): Triangle {
  const inverse: number[][] = [];
  for (const [row, values] of lower.entries()) {
    const diagonal = values[row] ?? 1;
    const made = Array.from({ length: row + 1 }, (_, column) => {
      if (column === row) return 1 / diagonal;
      let sum = 0;
      for (let at = column; at < row; at += 1) sum += (values[at] ?? 0) * (inverse[at]?.[column] ?? 0);
      return -sum / diagonal;
    });
    inverse.push(made);
  }
  return inverse;
}

/** Over as many as both have. */
function dot(one: readonly number[], other: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < Math.min(one.length, other.length); at += 1) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
