/** The first prediction as the manual of onnxruntime-web shows it: the package's default file, and a model by its address. */
import * as ort from '/dist/ort.bundle.min.mjs';

const session = await ort.InferenceSession.create('/model.onnx');
const feeds = {};
for (const { name, shape } of session.inputMetadata) feeds[name] = new ort.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
await session.run(feeds);
document.documentElement.dataset.state = 'done';
