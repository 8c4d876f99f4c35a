import { done, inputs, row } from '/finish.js';
import * as ort from '/ort/ort.wasm.min.mjs';

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL('/ort/', location.href).href;
const session = await ort.InferenceSession.create('/model.onnx', { executionProviders: ['wasm'] });
const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', row, inputs[0].shape) });
done(outputs[session.outputNames[0]].data);
