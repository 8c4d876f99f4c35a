/**
 * One visit: measures the bundle beside this page as the address says, visit.html#{"target": "wasm"}. When it is over,
 * `globalThis.edgekitVisit` has the result, data-state is "done" or "failed", and the console says so; a page that
 * frames this one gets the result as a message. With {"describe": true} it measures nothing and tells of the device.
 */
import { describeDevice, measure } from './measure.js';

let result;
let state = 'done';
try {
  const { bundle = 'bundle/', describe, ...options } = location.hash ? JSON.parse(decodeURIComponent(location.hash.slice(1))) : {};
  result = describe ? { device: await describeDevice() } : await measure(bundle, options);
} catch (error) {
  result = { [error?.code === 'unfit' ? 'unfit' : 'error']: String(error?.message ?? error) };
  state = 'failed';
}
globalThis.edgekitVisit = result;
document.documentElement.dataset.state = state;
console.info(`edgekit visit ${state}`);
if (parent !== window) parent.postMessage({ edgekitVisit: result }, location.origin);
