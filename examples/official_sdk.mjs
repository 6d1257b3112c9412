// Edit a clip with Runway's own Node SDK, pointed at Refilm. Nothing here is special to Refilm but the base URL.
//
//   npm install @runwayml/sdk
//   export RUNWAYML_BASE_URL=http://127.0.0.1:8000 RUNWAYML_API_SECRET=key_...
//   node official_sdk.mjs clip.mp4 "Make it a snowy night" edited.mp4

import fs from 'node:fs';
import RunwayML, { TaskFailedError } from '@runwayml/sdk';

const [clip, prompt, edited] = process.argv.slice(2);
if (!edited) {
  console.error('usage: node official_sdk.mjs CLIP PROMPT EDITED');
  process.exit(2);
}
const client = new RunwayML(); // reads the two variables above

const upload = await client.uploads.createEphemeral({ file: fs.createReadStream(clip) });
try {
  const task = await client.videoToVideo
    .create({ model: 'gen4_aleph', videoUri: upload.uri, promptText: prompt, seed: 7 })
    .waitForTaskOutput();
  const answer = await fetch(task.output[0]);
  fs.writeFileSync(edited, Buffer.from(await answer.arrayBuffer()));
  console.log(`wrote ${edited}`);
} catch (failed) {
  if (!(failed instanceof TaskFailedError)) throw failed;
  console.error(`${failed.taskDetails.failureCode}: ${failed.taskDetails.failure}`);
  process.exitCode = 1;
}
