/**
 * The answers of the bundle beside this page to the rows beside it (rows.bin: float32, row by row). They travel to the
 * page that frames this one, as base64 of float32, so NaN and -0 arrive as they are.
 */
let result;
try {
  const { target, build, threads } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const { load } = await import(new URL('bundle/runtime/edgekit.js', document.baseURI));
  const model = await load(new URL('bundle/', document.baseURI).href, { target, build, threads, cache: false });
  await model.warmUp();
  const rows = new Float32Array(await (await fetch('rows.bin')).arrayBuffer());
  const width = model.manifest.inputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const answers = [];
  for (let from = 0; from < rows.length; from += width) answers.push(Float32Array.from(await model.predictArray(rows.subarray(from, from + width))));
  result = { id: model.manifest.id, target: model.target, build: model.build, outputs: base64(answers) };
} catch (error) {
  result = { [error?.code === 'unfit' ? 'unfit' : 'error']: String(error?.message ?? error) };
}
parent.postMessage({ edgekitVisit: result }, location.origin);

function base64(answers) {
  let text = '';
  for (const answer of answers) for (const byte of new Uint8Array(answer.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}
