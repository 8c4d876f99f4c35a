/** What the page is asked, and where its answer goes. The script puts the question into the root element. */
const question = JSON.parse(document.documentElement.dataset.question);

export const { inputs, options } = question;
export const row = Float32Array.from(question.row);

/** Note the time since navigation, and each file's bytes and times, then say so. */
export function done(output, build = null) {
  const milliseconds = performance.now();
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const files = entries.map((entry) => [new URL(entry.name).pathname, entry.encodedBodySize, entry.startTime, entry.responseEnd]);
  globalThis.result = { milliseconds, build, files, output: [...output] };
  document.documentElement.dataset.state = 'done';
}
