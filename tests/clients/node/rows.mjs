// What the Node drivers share: running rows, and telling what a client raised.

export const BORDERS = "a😀👨‍👩‍👧漢字é\u0301~";
export const SEPARATORS = "one\u2028two\u2029three\u0085four";
export const GROUNDED = "!say Ada Lovelace wrote the first program [1].";
export const BREAKS = "!say one\n!wait 0.1\n!break";
export const WEATHER = '!tool weather {"city": "Köln"}\n!tool weather {"city": "Bonn"}';

// Runs the rows that the command line names, or all but those for a real model, and prints one JSON object: row -> outcome.
export async function main(rows) {
  const [url, ...names] = process.argv.slice(2);
  const outcomes = {};
  const todo = names.length > 0 ? names : Object.keys(rows).filter((name) => !name.endsWith("real"));
  const work = async () => {
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      outcomes[name] = await rows[name](url).then(
        (value) => ({ value }),
        (error) => ({ crashed: error?.stack ?? String(error) }),
      );
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  console.log(JSON.stringify(outcomes));
}

// Returns what was raised as data, or what came instead.
export async function raised(call) {
  try {
    return await call();
  } catch (error) {
    const types = [];
    for (let each = error; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
      types.push(each.constructor?.name ?? "?");
    }
    const { status, statusCode, code, param, type, responseBody, isRetryable } = error;
    return { types, message: error.message, status: status ?? statusCode, code, param, type, responseBody, isRetryable };
  }
}

// A fetch that counts what it sends.
export function counting() {
  const counted = { sent: 0, fetch: (...all) => ((counted.sent += 1), fetch(...all)) };
  return counted;
}
