import { done, options, row } from '/finish.js';
import '/bundle/tfjs/tf.js';

const { tf } = globalThis;
await tf.setBackend('cpu');
await tf.ready();
const graph = await tf.loadGraphModel('/bundle/tfjs/model.json');
const output = graph.execute({ [options.inputs[0]]: tf.tensor(row, options.input_shapes[0]) }, options.outputs);
done((Array.isArray(output) ? output[0] : output).dataSync());
