/**
 * A schema that checks values: what zod, valibot, arktype and others implement, by [Standard Schema](https://standardschema.dev).
 *
 * Only what is needed of it. A schema of theirs fits as it is.
 */
export interface Schema<Output = unknown, Input = unknown> {
  readonly "~standard": {
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value. */
type Result<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/** Something that is wrong with a value. */
export interface Issue {
  /** What is wrong. */
  readonly message: string;
  /** Where, from the outermost field to the innermost. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** @internal One line that says what is wrong, and where. */
export function textOf(issues: readonly Issue[]): string {
  return issues
    .map(({ message, path = [] }) => {
      const fields = path.map((part) => String(typeof part === "object" ? part.key : part));
      return fields.length === 0 ? message : `\`${fields.join(".")}\`: ${message}`;
    })
    .join("; ");
}
