/** Runs one operation after the other, in the order of the calls. An operation that fails does not stop the next. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => {}); // the caller gets the error through `result`
    return result;
  }
}
