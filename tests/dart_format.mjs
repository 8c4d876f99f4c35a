/** node dart_format.mjs MODULE LIST [--write]: which of the files named in LIST the official formatter would change. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, list, write] = process.argv.slice(2);
const { format } = await import(pathToFileURL(module));
const changed = [];
for (const file of JSON.parse(readFileSync(list, 'utf8'))) {
  const source = readFileSync(file, 'utf8');
  let formatted;
  try {
    formatted = format(source, file, { language_version: '3.10.0', line_width: 80 });
  } catch (error) {
    changed.push({ file, error: String(error.message ?? error) });
    continue;
  }
  if (formatted === source) continue;
  if (write) writeFileSync(file, formatted);
  changed.push({ file, formatted });
}
process.stdout.write(JSON.stringify(changed));
