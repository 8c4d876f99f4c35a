import { done, inputs, row } from '/finish.js';
import { Tensor, loadAndCompile, loadLiteRt } from '/litert/index.js';

await loadLiteRt('/litert/wasm/');
const model = await loadAndCompile('/bundle/tflite/model.tflite', { accelerator: 'wasm' });
const [output] = await model.run([new Tensor(row, inputs[0].shape)]);
done(output.toTypedArray());
