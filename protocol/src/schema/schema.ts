// What a value from outside must look like, as plain functions: nothing is compiled, so that a page may forbid `eval`, and nothing is
// shared by a process (docs/adr/0016). It must not know any message.
import { Defect } from "../errors.ts";

/** Why a value does not fit, and where in it. */
export class SchemaProblem {
  readonly path: readonly (string | number)[];
  /** Continues the name of the place: "must be text". */
  readonly message: string;

  constructor(message: string, path: readonly (string | number)[] = []) {
    this.message = message;
    this.path = path;
  }

  /** The same problem, seen from outside. */
  within(step: string | number): SchemaProblem {
    return new SchemaProblem(this.message, [step, ...this.path]);
  }
}

/** What became of a value. */
export type SchemaResult<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly problem: SchemaProblem };

type Run<T> = (value: unknown) => T | SchemaProblem;

/** Checks values of unknown shape, and makes plain copies of what passes. */
export class Schema<T> {
  /** The value, or the first problem. */
  readonly run: Run<T>;

  constructor(run: Run<T>) {
    this.run = run;
  }

  safeParse(value: unknown): SchemaResult<T> {
    const result = this.run(value);
    return result instanceof SchemaProblem
      ? { success: false, problem: result }
      : { success: true, data: result };
  }

  /** @throws {@link Defect} `schema.value_invalid`: for values of our own */
  parse(value: unknown): T {
    const result = this.run(value);
    if (!(result instanceof SchemaProblem)) return result;
    throw new Defect("schema.value_invalid", `${result.path.join(".")} ${result.message}`.trim());
  }

  /** Also takes `undefined`; in an object the key may then be left out. */
  optional(): Schema<T | undefined> {
    return new Schema<T | undefined>((value) =>
      value === undefined ? undefined : this.run(value),
    );
  }

  nullable(): Schema<T | null> {
    return new Schema<T | null>((value) => (value === null ? null : this.run(value)));
  }

  /** One more condition. `path` names the place, where it is not the whole value. */
  refine(
    holds: (value: T) => boolean,
    { message, path }: { readonly message: string; readonly path?: readonly string[] },
  ): Schema<T> {
    return new Schema(refined(this.run, holds, message, path));
  }

  /** Something else made of what passed. */
  transform<U>(change: (value: T) => U): Schema<U> {
    return new Schema((value) => {
      const result = this.run(value);
      return result instanceof SchemaProblem ? result : change(result);
    });
  }

  /** For two objects: what has the properties of both. */
  and<U>(other: Schema<U>): Schema<T & U> {
    return new Schema((value) => {
      const first = this.run(value);
      if (first instanceof SchemaProblem) return first;
      const second = other.run(value);
      return second instanceof SchemaProblem ? second : { ...first, ...second };
    });
  }
}

function refined<T>(
  run: Run<T>,
  holds: (value: T) => boolean,
  message: string,
  path?: readonly string[],
): Run<T> {
  return (value) => {
    const result = run(value);
    if (result instanceof SchemaProblem || holds(result)) return result;
    return new SchemaProblem(message, path);
  };
}

/** Takes what `is` takes; says what it must be otherwise. */
function only<T>(what: string, is: (value: unknown) => boolean): Run<T> {
  return (value) =>
    is(value)
      ? (value as T)
      : new SchemaProblem(value === undefined ? "is missing" : `must be ${what}`);
}

/** A finite number. */
export class NumberSchema extends Schema<number> {
  #bounded(holds: (value: number) => boolean, bound: string): NumberSchema {
    return new NumberSchema(refined(this.run, holds, `must be ${bound}`));
  }
  min(least: number): NumberSchema {
    return this.#bounded((value) => value >= least, `at least ${least}`);
  }
  max(most: number): NumberSchema {
    return this.#bounded((value) => value <= most, `at most ${most}`);
  }
  gt(bound: number): NumberSchema {
    return this.#bounded((value) => value > bound, `over ${bound}`);
  }
  lt(bound: number): NumberSchema {
    return this.#bounded((value) => value < bound, `under ${bound}`);
  }
  positive(): NumberSchema {
    return this.gt(0);
  }
}

/** Text; lengths are in UTF-16 units. */
export class TextSchema extends Schema<string> {
  min(least: number): TextSchema {
    const message = `must have at least ${least} characters`;
    return new TextSchema(refined(this.run, ({ length }) => length >= least, message));
  }
  max(most: number): TextSchema {
    const message = `must have at most ${most} characters`;
    return new TextSchema(refined(this.run, ({ length }) => length <= most, message));
  }
  form({ pattern, message }: { readonly pattern: RegExp; readonly message: string }): TextSchema {
    return new TextSchema(refined(this.run, (text) => pattern.test(text), message));
  }
}

/** A list of items that are alike. */
export class ListSchema<T> extends Schema<T[]> {
  min(least: number): ListSchema<T> {
    const message = `must have at least ${least} of them`;
    return new ListSchema(refined(this.run, ({ length }) => length >= least, message));
  }
  max(most: number): ListSchema<T> {
    // Before any item is looked at.
    const { run } = this;
    return new ListSchema((value) =>
      Array.isArray(value) && value.length > most
        ? new SchemaProblem(`must have at most ${most} of them`)
        : run(value),
    );
  }
}

/** One of a few known values. */
export class ChoiceSchema<T> extends Schema<T> {
  readonly values: readonly T[];

  constructor(values: readonly T[]) {
    super(only(values.join(" or "), (value) => values.includes(value as T)));
    this.values = values;
  }
}

/** Schemas by property. */
export type SchemaShape = Readonly<Record<string, Schema<unknown>>>;

type ValueOf<S> = S extends Schema<infer T> ? T : never;
type OptionalKey<S extends SchemaShape> = {
  [K in keyof S]: undefined extends ValueOf<S[K]> ? K : never;
}[keyof S];
/** What an object of a shape is. */
export type ObjectOf<S extends SchemaShape> = {
  [K in Exclude<keyof S, OptionalKey<S>>]: ValueOf<S[K]>;
} & { [K in OptionalKey<S>]?: ValueOf<S[K]> };

/** A plain object with known properties. */
export class ObjectSchema<S extends SchemaShape> extends Schema<ObjectOf<S>> {
  readonly shape: S;

  constructor(shape: S, isStrict: boolean) {
    const known = Object.entries(shape);
    super((value) => {
      const object = only<Record<string, unknown>>("an object", isObject)(value);
      if (object instanceof SchemaProblem) return object;
      const made: Record<string, unknown> = {};
      for (const [key, schema] of known) {
        const isThere = Object.hasOwn(object, key);
        const item = schema.run(isThere ? object[key] : undefined);
        if (item instanceof SchemaProblem) return item.within(key);
        if (isThere || item !== undefined) made[key] = item;
      }
      const stranger = isStrict
        ? Object.keys(object).find((key) => !Object.hasOwn(shape, key))
        : undefined;
      return stranger === undefined
        ? (made as ObjectOf<S>)
        : new SchemaProblem(`has a property ${JSON.stringify(stranger)}, which nobody reads`);
    });
    this.shape = shape;
  }
}

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Finite. */
export const number = (): NumberSchema => new NumberSchema(only("a number", Number.isFinite));
/** From -(2^53 - 1) to 2^53 - 1. */
export const int = (): NumberSchema =>
  new NumberSchema(only("a whole number", Number.isSafeInteger));
export const string = (): TextSchema =>
  new TextSchema(only("text", (value) => typeof value === "string"));
export const boolean = (): Schema<boolean> =>
  new Schema(only("true or false", (value) => typeof value === "boolean"));
export const unknown = (): Schema<unknown> => new Schema((value) => value);
export const literal = <const T extends string | number | boolean>(value: T): ChoiceSchema<T> =>
  new ChoiceSchema([value]);
export const oneOf = <const T extends string>(values: readonly T[]): ChoiceSchema<T> =>
  new ChoiceSchema(values);

/** What a function accepts. */
export const custom = <T>(
  is: (value: unknown) => boolean,
  { message }: { readonly message: string },
): Schema<T> =>
  new Schema((value) =>
    is(value) ? (value as T) : new SchemaProblem(value === undefined ? "is missing" : message),
  );

/** An instance of a class, as it is: not a copy. */
export const instance = <T>(type: new (...args: never[]) => T): Schema<T> =>
  new Schema(only(`a ${type.name}`, (value) => value instanceof type));

export const array = <T>(item: Schema<T>): ListSchema<T> =>
  new ListSchema((value) => {
    const list = only<unknown[]>("a list", Array.isArray)(value);
    if (list instanceof SchemaProblem) return list;
    const made: T[] = [];
    for (const [index, one] of list.entries()) {
      const result = item.run(one);
      if (result instanceof SchemaProblem) return result.within(index);
      made.push(result);
    }
    return made;
  });

/** Properties that are not in the shape are left out of what is made. */
export const object = <S extends SchemaShape>(shape: S): ObjectSchema<S> =>
  new ObjectSchema(shape, false);
/** Properties that are not in the shape are a problem. */
export const strictObject = <S extends SchemaShape>(shape: S): ObjectSchema<S> =>
  new ObjectSchema(shape, true);

/** Any properties, all alike. */
export const record = <T>(key: Schema<string>, item: Schema<T>): Schema<Record<string, T>> =>
  new Schema((value) => {
    const given = only<Record<string, unknown>>("an object", isObject)(value);
    if (given instanceof SchemaProblem) return given;
    const entries: [string, T][] = [];
    for (const [name, one] of Object.entries(given)) {
      const known = key.run(name);
      if (known instanceof SchemaProblem) return known.within(name);
      const result = item.run(one);
      if (result instanceof SchemaProblem) return result.within(name);
      entries.push([known, result]);
    }
    // Unlike an assignment it makes `__proto__` a property, too.
    return Object.fromEntries(entries);
  });

/**
 * The first that fits. Where none does, the problem of the one that got farthest.
 *
 * @example
 * const scope = schema.union([schema.oneOf(["head", "all"]), schema.object({ lastLayers: schema.int().min(1) })]);
 * const result = scope.safeParse({ lastLayers: 0 });
 * result.success ? "" : `${result.problem.path.join(".")} ${result.problem.message}`; // => "lastLayers must be at least 1"
 */
export const union = <S extends readonly Schema<unknown>[]>(
  schemas: readonly [...S],
): Schema<ValueOf<S[number]>> =>
  new Schema((value) => {
    let farthest: SchemaProblem[] = [];
    for (const schema of schemas) {
      const result = schema.run(value);
      if (!(result instanceof SchemaProblem)) return result as ValueOf<S[number]>;
      const depth = farthest[0]?.path.length ?? 0;
      if (result.path.length > depth) farthest = [result];
      else if (result.path.length === depth) farthest.push(result);
    }
    const messages = new Set(farthest.map(({ message }) => message));
    return new SchemaProblem([...messages].join(", or "), farthest[0]?.path);
  });

/** Objects that a property tells apart. */
export const variants = <
  K extends string,
  S extends readonly ObjectSchema<Readonly<Record<K, ChoiceSchema<string>>> & SchemaShape>[],
>(
  key: K,
  schemas: readonly [...S],
): Schema<ValueOf<S[number]>> => {
  const kinds = new ChoiceSchema(schemas.flatMap(({ shape }) => shape[key].values));
  return new Schema((value) => {
    const given = only<Record<string, unknown>>("an object", isObject)(value);
    if (given instanceof SchemaProblem) return given;
    const kind = kinds.run(given[key]);
    if (kind instanceof SchemaProblem) return kind.within(key);
    const schema = schemas.find(({ shape }) => shape[key].values.includes(kind));
    return schema?.run(given) as ValueOf<S[number]> | SchemaProblem;
  });
};
