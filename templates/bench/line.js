/** Messages to the server, repeated until it has them: a connection may be gone for minutes. */
const WAITS_MS = [300, 700, 1500, 3000, 5000];
const PATIENCE_MS = 180_000;
const ANSWER_MS = 25_000;

/** Return `post`, which resolves to the answer; `tell` gets a sentence while there is no connection, then ''. */
export function connect(tell) {
  return {
    async post(path, message) {
      const body = JSON.stringify(message);
      const begin = performance.now();
      for (let tries = 0; ; tries++) {
        const reply = await send(path, body);
        if (reply) {
          tell('');
          return reply;
        }
        if (performance.now() - begin > PATIENCE_MS) throw Object.assign(new Error('The server does not answer. Is bench serve still running, and this device in the same network?'), { isLost: true });
        tell('No connection; trying again. Nothing is lost.');
        await pause(WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]);
      }
    },
  };
}

/** Send once; null where it has to be sent again. An answer that says no is an error. */
async function send(path, body) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), ANSWER_MS);
  try {
    const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body, signal: control.signal, cache: 'no-store' });
    if (response.status >= 500 || response.status === 429) return null;
    const reply = await response.json();
    if (response.ok) return reply;
    throw Object.assign(new Error(reply.error), { isRefusal: true });
  } catch (error) {
    if (error.isRefusal) throw error;
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** Wait, but not longer than until the device says that it is connected again. */
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    addEventListener('online', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
