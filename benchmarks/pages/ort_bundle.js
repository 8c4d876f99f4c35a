/** The first prediction of a bundle's target ort. */
const { load } = await import('/bundle/runtime/edgekit.js');
const model = await load('/bundle/', { target: 'ort', cache: false });
const count = model.manifest.inputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
await model.predictArray(new Float32Array(count));
document.documentElement.dataset.state = 'done';
