/** One attempt at a piece of work: a new frame at an address that was never used, gone when it has answered. */
const LIMIT_MS = 120_000;

/**
 * Resolves to what the server wants to know of it, or to null where it has to be done again: the page was hidden or the
 * connection broke meanwhile, and what was measured then is the interruption.
 */
export async function attempt(stage, { kind, place, target, build, threads }) {
  const options = { target, ...(build && { build }), ...(threads && { threads }), heap: false };
  const frame = document.createElement('iframe');
  frame.tabIndex = -1;
  frame.src = `${place}${kind === 'visit' ? 'visit' : 'answers'}.html#${encodeURIComponent(JSON.stringify(options))}`;
  const told = await listen(frame, stage);
  const isWhole = told && arrivedWhole(frame);
  frame.remove();
  if (!told || !isWhole) return null;
  if (told.error ?? told.unfit) return { failed: String(told.error ?? told.unfit).slice(0, 300), unfit: Boolean(told.unfit) };
  const { id, target: ran, build: chosen, values = {}, calls = [], outputs = '' } = told;
  return { id, target: ran, build: chosen, values: finite(values), calls, outputs };
}

/** Start the frame; resolves to its message, or to null when something interrupted it. */
function listen(frame, stage) {
  return new Promise((resolve) => {
    const control = new AbortController();
    const end = (told) => {
      control.abort();
      clearTimeout(timer);
      resolve(told);
    };
    const timer = setTimeout(() => end({ error: `no answer within ${LIMIT_MS / 1000} s` }), LIMIT_MS);
    const on = (from, name, act) => from.addEventListener(name, act, { signal: control.signal });
    on(window, 'message', ({ source, origin, data }) => {
      if (source === frame.contentWindow && origin === location.origin && data?.edgekitVisit) end(data.edgekitVisit);
    });
    on(window, 'offline', () => end(null));
    on(document, 'visibilitychange', () => end(null));
    on(frame, 'load', () => { if (!arrivedWhole(frame)) end(null); });
    stage.append(frame);
  });
}

/** Whether the frame's page is there and every file that it asked for came; the server sees what it asked for twice. */
function arrivedWhole(frame) {
  try {
    const entries = frame.contentWindow.performance.getEntriesByType('resource');
    const isOurs = frame.contentDocument.title === 'edgekit bench';
    return isOurs && !entries.some(isLost);
  } catch {
    return false; // the browser's own page about a lost connection
  }
}

/** Nothing came. The status alone says little: it is 0 too for what a runtime has read to its end and cancelled then. */
function isLost({ responseStatus, transferSize }) {
  return responseStatus === 0 && transferSize === 0;
}

/** What the browser could not measure is left out. */
function finite(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
}
