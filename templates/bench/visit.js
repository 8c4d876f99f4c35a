/**
 * One visit: measures the bundle beside this page as the address says, visit.html#{"target": "wasm"}. When data-state
 * is "done" or "failed", `globalThis.edgekitVisit` has the result; a page that frames this one gets it as a message.
 */
import { measure } from './measure.js';

let result;
try {
  const { bundle = 'bundle/', ...options } = location.hash ? JSON.parse(decodeURIComponent(location.hash.slice(1))) : {};
  result = await measure(bundle, options);
} catch (error) {
  result = { [error?.code === 'unfit' ? 'unfit' : 'error']: String(error?.message ?? error) };
}
globalThis.edgekitVisit = result;
document.documentElement.dataset.state = result.values ? 'done' : 'failed';
if (parent !== window) parent.postMessage({ edgekitVisit: result }, location.origin);
