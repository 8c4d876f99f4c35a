/** An expected failure: `code` for programs, one sentence for people, and the file or field that is wrong. */
export class EdgekitError extends Error {
  /**
   * @param {import('./edgekit.d.ts').ErrorCode} code
   * @param {string} message one sentence: what, which, what to do
   * @param {{file?: string, field?: string, cause?: unknown, retryAfter?: number}} [about] `retryAfter`: trying
   *   again may help, and in how many ms the server wants that at the earliest (0 when it did not say)
   */
  constructor(code, message, about = {}) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = 'EdgekitError';
    this.code = code;
    this.file = about.file;
    this.field = about.field;
    if (about.retryAfter !== undefined) this.retryAfter = about.retryAfter;
  }
}

/** What a caller gets whose AbortSignal fired. */
export function aborted(what, signal) {
  return new EdgekitError('aborted', `loading ${what} was aborted`, { cause: signal.reason });
}
