/**
 * node arm_child.mjs JOB.json: everything that tests/test_arm.py asks of one processor and compiler, in one process,
 * because an emulated one starts slowly. Prints the answers as JSON; float32 and int32 travel as base64, to the bit.
 */
import { readFile } from 'node:fs/promises';
import { buildFits, chooseBuild } from '../../wasm/js/probe.js';
import { open } from './open_plan.mjs';

const BUILDS = ['scalar', 'simd', 'signed', 'relaxed'];
const text = (array) => Buffer.from(array.buffer).toString('base64');

/** The dot products of rows of three words, by the module's function "f". */
async function dots(module, rows) {
  const { instance } = await WebAssembly.instantiate(Buffer.from(module, 'base64'));
  const words = new Int32Array(Uint8Array.from(Buffer.from(rows, 'base64')).buffer);
  const answers = new Int32Array(words.length / 3);
  for (let i = 0; i < answers.length; i++) answers[i] = instance.exports.f(...words.subarray(3 * i, 3 * i + 3));
  return text(answers);
}

const isOptimized = new Function('f', 'return %IsTurboFanFunction(f)'); // V8's, with --allow-natives-syntax

/** Runs all models again and again until the optimizing compiler has replaced the baseline's code, then as often again. */
async function tiers(engine, models) {
  const before = [];
  const seen = models.map(() => new Set());
  for (let end = 300, round = 0; round < end; round++) {
    for (const [i, work] of models.entries()) {
      const model = await open({ engine, ...work });
      if (i === 0) before.push(isOptimized(model.ek_run));
      seen[i].add(text(model.predict(work.rows)));
    }
    if (before.at(-1)) end = Math.min(end, 2 * round + 1);
  }
  return { optimized: before, answers: seen.map((answers) => [...answers]) };
}

/** What each build answers to each model, and whether its code is the optimizing compiler's. */
async function everything({ engines, models, dot, rows }) {
  const answers = {};
  const optimized = {};
  for (const [build, engine] of Object.entries(engines)) {
    answers[build] = [];
    for (const work of models) {
      const model = await open({ engine, ...work });
      answers[build].push(text(model.predict(work.rows)));
      optimized[build] = isOptimized(model.ek_run);
    }
  }
  const fits = BUILDS.filter(buildFits);
  return { processor: process.arch, chosen: chooseBuild(BUILDS), fits, dots: await dots(dot, rows), answers, optimized };
}

const job = JSON.parse(await readFile(process.argv[2], 'utf8'));
const reply = job.tiers ? await tiers(job.engines.signed, job.models) : await everything(job);
process.stdout.write(JSON.stringify(reply));
