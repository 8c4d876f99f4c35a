/**
 * The page of `edgekit bench serve`: it asks the server for work, does each piece in a frame of its own, and sends what
 * came of it. The server decides what is measured and judges it; the same work may be given out again, never counted
 * twice.
 */
import { describeDevice } from './measure.js';
import { connect } from './line.js';
import { attempt } from './frame.js';

const $ = (id) => document.getElementById(id);
const PAUSE_MS = 50; // between visits, in which what the last one left can be collected

const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname); // the token is for one use, not for the address bar
const line = connect((text) => { $('line').textContent = text || '\u00a0'; });
$('again').onclick = () => location.reload();
run().catch(fail);

async function run() {
  const device = await describe();
  const { tab } = await line.post('api/join', { token, key: secret(), device });
  show('running', 'Waiting for the first visit');
  stayAwake();
  let failures = 0;
  for (;;) {
    const work = await line.post('api/next', { tab });
    if (work.progress?.what) progress(work.progress);
    if (work.state === 'done') return verdict(work);
    if (work.state === 'stopped') throw new Error(work.why);
    if (work.state === 'wait') continue;
    await visible();
    const result = await attempt($('stage'), work);
    if (!result || (result.failed && !result.unfit && ++failures < 2)) continue; // another attempt
    failures = 0;
    await line.post('api/result', { tab, work: work.work, attempt: work.attempt, ...result });
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function describe() {
  const device = await describeDevice();
  const told = await navigator.userAgentData?.getHighEntropyValues?.(['model', 'platformVersion']).catch(() => null);
  if (told?.model) device.system = [told.platform, told.platformVersion, told.model].filter(Boolean).join(' ');
  $('device').textContent = device.system || navigator.platform || device.agent;
  if (device.hints.battery) {
    $('battery').textContent = `Battery: ${device.hints.battery}. Below 20 % many phones save power and are slow.`;
    $('battery').hidden = false;
  }
  return device;
}

/** 256 bits that only this page and the server know. */
function secret() {
  return Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function stayAwake() {
  const hold = () => navigator.wakeLock?.request('screen').then(() => { $('awake').textContent = 'The screen stays on by itself; keep this page in front.'; }, () => {});
  document.addEventListener('visibilitychange', () => { if (!document.hidden) hold(); });
  await hold();
}

function visible() {
  if (!document.hidden) return undefined;
  return new Promise((resolve) => {
    document.addEventListener('visibilitychange', function look() {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    });
  });
}

function progress({ what: whole, done, total }) {
  const what = whole.replace(/^\S+: /, ''); // without the runner's name, which is known here
  $('what').textContent = what[0].toUpperCase() + what.slice(1);
  $('count').textContent = total ? `${done} of ${total}` : `${done}`;
  if (total) $('progress').value = Math.min(1, done / total);
  else $('progress').removeAttribute('value');
  if (total && done % Math.ceil(total / 4) === 0) announce(`${what}: ${done} of ${total}`);
}

function verdict({ title, tone, why, rows }) {
  $('title').textContent = title;
  $('title').dataset.tone = tone;
  $('why').textContent = why;
  $('rows').replaceChildren(...rows.map(row));
  $('running').hidden = $('hints').hidden = true;
  $('verdict').hidden = false;
  $('heading').textContent = 'Measured on this device';
  $('verdict').focus();
  show('done', 'Measured');
  announce(`${title}. ${why}`);
}

function row({ name, change, detail, state, tone }) {
  const line = document.createElement('div');
  line.className = 'row';
  line.dataset.tone = tone;
  line.append(cell('strong', '', name), cell('span', 'change', change), cell('span', 'muted', detail), cell('span', 'muted state', state));
  return line;
}

function cell(tag, kind, text) {
  const element = document.createElement(tag);
  element.className = kind;
  element.textContent = text;
  return element;
}

function fail(error) {
  $('reason').textContent = error.message;
  $('again').hidden = !error.isLost;
  $('running').hidden = $('hints').hidden = true;
  $('failure').hidden = false;
  show('failed', 'It stopped');
}

function show(state, what) {
  document.documentElement.dataset.state = state;
  $('what').textContent = what;
}

function announce(text) {
  $('announcer').textContent = text;
}
