/** A Python console over the model of a bundle: an entry is run as a whole, and what it gives is shown. */
import { lastLine, openPython } from './open_python.js';

const page = Object.fromEntries(['name', 'log', 'form', 'code', 'run', 'status'].map((id) => [id, document.getElementById(id)]));
const entered = [];
let at = 0; // which of them is shown again

start().catch((error) => {
  page.name.textContent = 'Python could not be loaded';
  say(lastLine(error), 'failed');
});

async function start() {
  const { python, model, name } = await openPython(new URL('bundle/', document.baseURI));
  const evaluate = python.pyimport('pyodide.code').eval_code_async;
  const scope = python.toPy({});
  python.setStdout({ batched: (text) => show(text) });
  python.setStderr({ batched: (text) => show(text, 'error') });
  page.name.textContent = `${model.MODEL_NAME} ${model.MODEL_VERSION} in Python`;
  await run(`import ${name}`);
  page.code.value = `${name}.predict(${python.runPython(TYPICAL)(model)})`;
  page.form.addEventListener('submit', (event) => {
    event.preventDefault();
    enter();
  });
  page.code.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      enter();
    } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      at = Math.min(Math.max(at + (event.key === 'ArrowUp' ? -1 : 1), 0), entered.length);
      page.code.value = entered[at] ?? '';
    }
  });
  ready(true);
  page.code.focus();

  async function enter() {
    const code = page.code.value.trim();
    if (!code || page.code.disabled) return;
    at = entered.push(code);
    page.code.value = '';
    ready(false);
    await run(code);
    ready(true);
    page.code.focus();
  }

  async function run(code) {
    show(code.split('\n').map((line, i) => `${i ? '...' : '>>>'} ${line}`).join('\n'), 'in');
    try {
      const given = await evaluate(code, scope);
      if (given === undefined) return;
      show(python.globals.get('repr')(given));
      given?.destroy?.();
    } catch (error) {
      show(lastLine(error), 'error');
    }
  }
}

/** A typical row, as the text of a dict: the mean of each feature as it may be entered, or the label of a category. */
const TYPICAL = `
def typical(model):
    def value(f):
        if f["kind"] == "category" and f.get("categories"):
            return f["categories"][0]
        low, high = f["range"]
        mean = float(f"{f['mean']:.3g}")
        return min(max(round(mean) if f["kind"] == "integer" else mean, low), high)
    if not model.FEATURES:
        return "[0.0] * " + str(model._FEATURES.count)
    return "{" + ", ".join(f"{f['name']!r}: {value(f)!r}" for f in model.FEATURES) + "}"
typical`;

function ready(isReady) {
  page.code.disabled = page.run.disabled = !isReady;
  say(isReady ? 'Ready' : 'Running', isReady ? 'ready' : 'running');
}

function say(text, state) {
  page.status.textContent = text;
  document.documentElement.dataset.state = state;
}

function show(text, kind = 'out') {
  const line = document.createElement('pre');
  line.className = kind;
  line.textContent = text;
  page.log.append(line);
  page.log.scrollTop = page.log.scrollHeight;
}
