/** What the page is asked, and where its answer goes. The script puts the question into the root element. */
const question = JSON.parse(document.documentElement.dataset.question);

export const { inputs, options } = question;
export const row = Float32Array.from(question.row);

/** Note the time since navigation and the bytes that came, then say so. */
export function done(output) {
  const milliseconds = performance.now();
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const files = entries.map(({ name, encodedBodySize }) => [new URL(name).pathname, encodedBodySize]);
  globalThis.result = { milliseconds, files, output: [...output] };
  document.documentElement.dataset.state = 'done';
}
