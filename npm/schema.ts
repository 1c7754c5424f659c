/**
 * A schema that checks values, by [Standard Schema](https://standardschema.dev). Schemas of zod, valibot, arktype and others
 * implement it.
 */
export interface Schema<Output = unknown, Input = unknown> {
  readonly "~standard": {
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The result of checking a value. */
type Result<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/** A problem that a schema has found in a value. */
export interface Issue {
  /** The description of the problem. */
  readonly message: string;
  /** The path to the field that has the problem, from the outermost field. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** @internal Returns one line with all problems and their paths. */
export function textOf(issues: readonly Issue[]): string {
  return issues
    .map(({ message, path = [] }) => {
      const fields = path.map((part) => String(typeof part === "object" ? part.key : part));
      return fields.length === 0 ? message : `\`${fields.join(".")}\`: ${message}`;
    })
    .join("; ");
}
