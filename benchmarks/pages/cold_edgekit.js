import { done, row } from '/finish.js';
import { load } from '/bundle/runtime/edgekit.js';

const model = await load('/bundle/', { target: 'wasm' });
done(await model.predictArray(row), model.build);
