// Drive a Runway-compatible server through the official Node SDK and print what happened as JSON: the same scenarios
// under the same names as scenarios.py. Asserts nothing.
//
// --sdk names the folder that holds node_modules/@runwayml/sdk.

import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ['sdk', 'base', 'key', 'clip', 'clip-url', 'long-clip', 'picture'].map((name) => [name, { type: 'string' }]),
  ),
});
const require = createRequire(path.join(path.resolve(options.sdk), 'package.json'));
const RunwayML = require('@runwayml/sdk').default;
const { TaskFailedError, APIError } = require('@runwayml/sdk');

// The helper polls every six seconds, as Runway asks of its clients; here nobody is bothered by more.
const POLL_MS = 250;
const patient = globalThis.setTimeout;
globalThis.setTimeout = (call, delay, ...rest) =>
  patient(call, delay >= 4000 && delay <= 8000 ? POLL_MS : delay, ...rest);
const sleep = (delay) => new Promise((wake) => patient(wake, delay));

const connect = (base, key = options.key) => new RunwayML({ apiKey: key, baseURL: base, maxRetries: 0 });
const client = connect(options.base);
const blackAndWhite = { model: 'gen4_aleph', videoUri: options['clip-url'], promptText: 'Make it black and white' };

async function upload(file) {
  return (await client.uploads.createEphemeral({ file: fs.createReadStream(file) })).uri;
}

async function edit(through, request) {
  const creating = through.videoToVideo.create(request);
  const task = await creating.waitForTaskOutput({ timeout: 120_000 });
  const created = await creating;
  const { response } = await through.tasks.retrieve(created.id).withResponse();
  return { created, task, class: null, headers: Object.fromEntries(response.headers) };
}

async function refusal(call) {
  try {
    return { class: null, answer: String(await call()) };
  } catch (refused) {
    if (!(refused instanceof APIError)) throw refused;
    return { class: refused.constructor.name, status: refused.status, body: refused.error };
  }
}

const scenarios = {
  https_input: () => edit(client, { ...blackAndWhite, seed: 7 }),

  comet_path: () => edit(connect(`${options.base}/runwayml`), { ...blackAndWhite, ratio: '640:480' }),

  data_uri: () =>
    edit(client, {
      ...blackAndWhite,
      videoUri: `data:video/mp4;base64,${fs.readFileSync(options.clip).toString('base64')}`,
    }),

  async upload_and_aleph2() {
    const uri = await upload(options.clip);
    return { ...(await edit(client, { ...blackAndWhite, model: 'aleph2', videoUri: uri, outputFormat: 'mp4' })), uri };
  },

  async references() {
    return edit(client, {
      model: 'gen4_aleph',
      videoUri: await upload(options.clip),
      promptText: 'Match the colours of the reference image',
      references: [{ type: 'image', uri: await upload(options.picture) }],
    });
  },

  async failure() {
    try {
      await edit(client, { ...blackAndWhite, promptText: 'Add a dragon behind the house' });
    } catch (failed) {
      if (!(failed instanceof TaskFailedError)) throw failed;
      return { raised: failed.name, message: failed.message, task: failed.taskDetails };
    }
    return { raised: null };
  },

  async organization() {
    return { organization: await client.organization.retrieve(), usage: await client.organization.retrieveUsage() };
  },

  async refusals() {
    const create = (changes, settings) =>
      refusal(() => client.videoToVideo.create({ ...blackAndWhite, ...changes }, settings));
    const stranger = connect(options.base, 'key_' + '0'.repeat(128));
    return {
      seed: await create({ seed: -1 }),
      prompt: await create({ promptText: '' }),
      model: await create({ model: 'gen1' }),
      unknown_key: await create({ loudness: 11 }),
      missing_source: await create({ videoUri: options['clip-url'] + '.none' }),
      version: await create({}, { headers: { 'X-Runway-Version': 'v1' } }),
      key: await refusal(() => stranger.videoToVideo.create(blackAndWhite)),
      task: await refusal(() => client.tasks.retrieve('9a9d1c7e-0f0b-4a53-9f5d-9d5a6d1f9b11')),
      path: await refusal(() => connect(`${options.base}/nowhere`).organization.retrieve()),
    };
  },

  async cancel() {
    const { id } = await client.videoToVideo.create({
      ...blackAndWhite,
      videoUri: await upload(options['long-clip']),
      promptText: 'Turn it into a watercolour painting',
    });
    const seen = [];
    while (!seen.length || ['PENDING', 'THROTTLED'].includes(seen.at(-1))) {
      await sleep(seen.length ? POLL_MS : 0);
      seen.push((await client.tasks.retrieve(id)).status);
    }
    const deleted = await client.tasks.delete(id);
    return {
      id,
      seen,
      deleted: deleted || null,
      after: await refusal(() => client.tasks.retrieve(id)),
      again: await refusal(() => client.tasks.delete(id)),
    };
  },
};

const told = { version: require('@runwayml/sdk/version').VERSION };
for (const name of positionals.length ? positionals : Object.keys(scenarios)) {
  try {
    told[name] = await scenarios[name]();
  } catch (error) {
    console.error(error);
    told[name] = { error: String(error), details: JSON.stringify(error.error ?? error.taskDetails ?? null) };
  }
}
console.log(JSON.stringify(told));
